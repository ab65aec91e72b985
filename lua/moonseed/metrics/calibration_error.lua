--- Expected calibration error (Guo et al. 2017): how far the model's
--- confidence, its largest probability, is from how often it is right. The
--- examples are put into bins of confidence of equal width, (a, b]; the error
--- is the mean over examples of their bin's |confidence - accuracy|.
local check = require "moonseed.check"
local Metric = require "moonseed.metrics.metric"
local moon = require "moonseed"

local function edges(x, bins)
  local o = { dtype = "f32", device = x:device() }
  return (moon.arange(bins, o) / bins):reshape(1, bins),
    (moon.arange(1, bins + 1, o) / bins):reshape(1, bins)
end

-- [N, bins] ones where an example is; the last bin ends with 1.
local function places(confidence, below, above)
  local column = confidence:reshape(confidence:size(1), 1)
  return column:gt(below):to "f32" * column:le(above):to "f32"
end

local CalibrationError = Metric.class{
  name = "CalibrationError", known = { bins = 15 },
  check = function(op, o) check.count(op, "bins", o.bins, 1) end,
  begin = function(self, x)
    local below, above = edges(x, self.o.bins)
    return { bins = Metric.zeros(x, "f64", self.o.bins, 2), below = below,
             above = above }
  end,
  add = function(_, sums, x, y)
    local logits = Metric.logits("CalibrationError", x)
    local confidence, got = logits:to("f32"):softmax(2):max(2)
    local right = got:eq(y):to "f32"
    local place = places(confidence, sums.below, sums.above)
    local both = moon.stack({ confidence, right }, 2)
    sums.bins:add_(place:t():matmul(both):to "f64")
  end,
  result = function(self, sums)
    local total = 0
    for _, bin in ipairs(sums.bins:totable()) do
      total = total + math.abs(bin[1] - bin[2])
    end
    return total / self.n
  end,
}

--- metrics.CalibrationError{ bins = 15 }: takes logits [N, C].
---@param options table|nil
---@return table metric
local function new(_, options) return Metric.new(CalibrationError, options) end

return setmetatable(CalibrationError, { __index = Metric, __call = new })
