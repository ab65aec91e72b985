--- Text in the columns of a terminal, one per character of UTF-8.
local M = {}

local CHARACTER = "[%z\1-\127\194-\244][\128-\191]*"

--- How many columns a text takes.
---@param text string
---@return integer
function M.width(text)
  local _, n = text:gsub("[^\128-\191]", "")
  return n
end

--- At most `n` columns of a text; a mark says that there was more.
---@param text string
---@param n integer at least 1
---@param ascii boolean|nil
---@return string
function M.cut(text, n, ascii)
  if M.width(text) <= n then return text end
  local parts = {}
  for character in text:gmatch(CHARACTER) do
    if #parts == n - 1 then break end
    parts[#parts + 1] = character
  end
  return table.concat(parts) .. (ascii and "~" or "…")
end

--- Fills a text up to `n` columns with spaces.
---@param text string
---@param n integer
---@param right boolean|nil  the text goes to the right
---@return string
function M.pad(text, n, right)
  local space = (" "):rep(n - M.width(text))
  return right and space .. text or text .. space
end

--- One line, without characters that move the cursor.
---@param text any
---@return string
function M.line(text)
  return (tostring(text):gsub("%s*%c+%s*", " "))
end

--- A whole number with its thousands apart: 1,234,567.
---@param n number
---@return string
function M.thousands(n)
  local text = ("%.0f"):format(n)
  local sign, digits = text:match "^(-?)(%d+)$"
  if not digits then return text end  -- inf, nan
  local head = digits:sub(1, (#digits - 1) % 3 + 1)
  return sign .. head .. digits:sub(#head + 1):gsub("%d%d%d", ",%0")
end

local PREFIXES = { "k", "M", "G", "T", "P" }

--- A number in three digits with its unit's prefix: 1.23 M.
---@param n number
---@return string
function M.short(n)
  if math.abs(n) < 999.5 then return ("%.3g"):format(n) end
  local power = 0
  repeat
    n, power = n / 1000, power + 1
  until math.abs(n) < 999.5 or power == #PREFIXES
  local decimals = n < 9.995 and 2 or n < 99.95 and 1 or 0
  return ("%." .. decimals .. "f "):format(n) .. PREFIXES[power]
end

return M
