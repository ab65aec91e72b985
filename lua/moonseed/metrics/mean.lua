--- The mean of values, one per example: losses, distances.
local check = require "moonseed.check"
local Metric = require "moonseed.metrics.metric"
local tensor = require "moonseed.tensor"

local Mean = Metric.class{
  name = "Mean", takes_one = true,
  begin = function(_, x) return { total = Metric.zeros(x, "f64", 1) } end,
  add = function(_, sums, x, y)
    if x:numel() ~= 1 and x:ndim() ~= 1 then
      check.fail("Mean", "%s; expected one value, or one per example",
                 tensor.shape_text(x))
    end
    local n = y:size(1)
    local total = x:numel() == 1 and x:reshape(1) * n or x:sum()
    sums.total:add_(total:to "f64")
  end,
  result = function(self, sums) return sums.total:item() / self.n end,
}

--- metrics.Mean{}: update(loss, y) takes the mean of a batch with its labels,
--- or one value per example.
---@param options table|nil
---@return table metric
local function new(_, options) return Metric.new(Mean, options) end

return setmetatable(Mean, { __index = Metric, __call = new })
