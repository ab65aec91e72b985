local check = require "moonseed.check"
local Metric = require "moonseed.metrics.metric"
local metrics = require "moonseed.metrics"

--- Another metric from what `describe` gave, or from such a table of your own:
--- metrics.rebuild{ "TopK", k = 5 }.
---@param description table
---@return Metric
return function(description)
  check.table("rebuild", "the description", description)
  local name = description[1]
  local class = type(name) == "string" and metrics[name]
  local meta = type(class) == "table" and getmetatable(class)
  if not meta or meta.__index ~= Metric then
    check.fail("rebuild", "there is no metric '%s'", tostring(name))
  end
  local options = {}
  for key, value in pairs(description) do options[key] = value end
  options[1] = nil
  return class(options)
end
