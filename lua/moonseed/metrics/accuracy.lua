--- The share of examples whose largest logit is that of their class.
local Metric = require "moonseed.metrics.metric"

local Accuracy = Metric.class{
  name = "Accuracy",
  begin = function(_, x) return { right = Metric.zeros(x, "i64", 1) } end,
  add = function(_, sums, x, y)
    sums.right:add_(Metric.predicted("Accuracy", x):eq(y):to("i64"):sum())
  end,
  result = function(self, sums) return sums.right:item() / self.n end,
}

--- metrics.Accuracy{}: takes logits [N, C] or classes i64 [N].
---@param options table|nil
---@return table metric
local function new(_, options) return Metric.new(Accuracy, options) end

return setmetatable(Accuracy, { __index = Metric, __call = new })
