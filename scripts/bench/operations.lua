--- The table of single operations: at each size, what ours takes, and how many
--- times as fast that is as the best of PyTorch's settings.

local results = require "results"
local summary = require "summary"

local M = {}

local SIZES = { "small", "medium", "large" }
local what_of = { both = "%s, forward and backward", forward = "%s",
                  step = "%s step" }

-- "0.0123 ms: x1.50, x1.10": against the malloc as it is, and tuned.
local function cell(lists)
  local ours = lists and lists.moonseed
  if not ours then return "" end
  local text = results.digits((results.spread(ours))) .. " ms"
  for i = 1, 2 do
    local theirs = summary.best(lists, summary.kinds[i])
    if theirs then
      text = ("%s%s x%.2f"):format(text, i == 1 and ":" or ",",
        (results.spread(results.ratios(ours, theirs))))
    end
  end
  return text
end

--- In Markdown.
---@param result Result  of the benchmark `ops`
---@return string
function M.table(result)
  local lines, seen = {
    "| | " .. table.concat(SIZES, " | ") .. " |", "|---|---|---|---|",
  }, {}
  for _, metric in ipairs(result.metrics) do
    local op, what = metric:match "^([%w_]+):%w+:(%w+)$"
    local name = op and (what_of[what] or "%s"):format(op)
    if name and not seen[name] then
      seen[name] = true
      local cells = { name }
      for _, size in ipairs(SIZES) do
        cells[#cells + 1] = cell(result.values[("%s:%s:%s"):format(op, size,
                                                                   what)])
      end
      lines[#lines + 1] = "| " .. table.concat(cells, " | ") .. " |"
    end
  end
  return table.concat(lines, "\n")
end

return M
