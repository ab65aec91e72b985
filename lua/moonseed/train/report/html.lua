--- Pieces of HTML.

local columns = require "moonseed.seed.columns"

local M = {}

local entities = { ["&"] = "&amp;", ["<"] = "&lt;", [">"] = "&gt;",
                   ['"'] = "&quot;", ["'"] = "&#39;" }

--- Any text, so that it is shown as it is; control characters are spaces.
---@param text any
---@return string
function M.text(text)
  return (tostring(text):gsub("%c", " "):gsub("[&<>\"']", entities))
end

--- A measured value, in six digits.
---@param value number|nil
---@return string  "–" without a value
function M.number(value)
  if value == nil then return "–" end
  if value ~= value then return "nan" end
  return ("%.6g"):format(value)
end

--- A step or a count, its thousands apart.
---@param n number|nil
---@return string
function M.count(n) return n == nil and "–" or columns.thousands(n) end

--- A value that is a share, in per cent with two decimals.
---@param share number|nil
---@return string
function M.percent(share)
  return share == nil and "–" or ("%.2f%%"):format(100 * share)
end

--- A number that can be looked up by its name, the attribute data-n.
---@param name string
---@param text string  as the functions above give it
---@return string
function M.fact(name, text)
  return ('<span data-n="%s">%s</span>'):format(M.text(name), text)
end

--- A table; cells are HTML, from the second on to the right unless `left`.
---@param head string[]
---@param rows string[][]
---@param left table<integer, boolean>|nil  columns that go to the left
---@return string
function M.table(head, rows, left)
  local out = { '<div class="scroll"><table><thead><tr>' }
  local function class(k)
    return (k == 1 or left and left[k]) and "" or ' class="r"'
  end
  for k, cell in ipairs(head) do
    out[#out + 1] = ("<th%s>%s</th>"):format(class(k), cell)
  end
  out[#out + 1] = "</tr></thead><tbody>"
  for _, row in ipairs(rows) do
    out[#out + 1] = "<tr>"
    for k, cell in ipairs(row) do
      out[#out + 1] = ("<td%s>%s</td>"):format(class(k), cell)
    end
    out[#out + 1] = "</tr>"
  end
  out[#out + 1] = "</tbody></table></div>\n"
  return table.concat(out)
end

--- A section with a heading; nothing for nothing.
---@param title string
---@param body string
---@return string
function M.section(title, body)
  if body == "" then return "" end
  return ("<section><h2>%s</h2>\n%s</section>\n"):format(title, body)
end

--- A remark under a figure.
---@param text string  HTML
---@return string
function M.note(text) return ('<p class="note">%s</p>\n'):format(text) end

--- Entries of a legend: a patch of a class and a name.
---@param entries table[]  { class =, text = }
---@return string
function M.legend(entries)
  local out = { '<p class="legend">' }
  for _, entry in ipairs(entries) do
    out[#out + 1] = ('<span><i class="%s"></i>%s</span>'):format(
      entry.class, M.text(entry.text))
  end
  out[#out + 1] = "</p>\n"
  return table.concat(out)
end

return M
