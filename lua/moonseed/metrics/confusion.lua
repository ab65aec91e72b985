--- The confusion matrix: how many examples of each class were taken for each.
local matrix = require "moonseed.metrics.matrix"
local Metric = require "moonseed.metrics.metric"

local Confusion = Metric.class{
  name = "Confusion", names = { "classes" }, check = matrix.check,
  begin = matrix.begin, add = matrix.add,
  result = function(_, sums) return sums.counts:totable() end,
}

--- metrics.Confusion{ 10 }: takes logits [N, C] or classes i64 [N]. Its value
--- is a list of rows: value[1 + true class][1 + predicted class].
---@param options table
---@return table metric
local function new(_, options) return Metric.new(Confusion, options) end

return setmetatable(Confusion, { __index = Metric, __call = new })
