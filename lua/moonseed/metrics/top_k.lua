--- The share of examples whose class is among the k largest logits; of equal
--- ones the first counts as larger.
local check = require "moonseed.check"
local Metric = require "moonseed.metrics.metric"
local moon = require "moonseed"

local function ones_where(condition) return condition:to "f32" end

-- How many logits come before that of the true class: [N].
local function place_of(x, y)
  local n, classes = x:size(1), x:size(2)
  local column = y:reshape(n, 1)
  local own = x:gather(2, column)
  local order = moon.arange(classes, { dtype = "i64", device = x:device() })
  local before = ones_where(order:reshape(1, classes):lt(column))
  local place = (ones_where(x:gt(own)) + ones_where(x:eq(own)) * before):sum(2)
  return place, ones_where(own:eq(own)):reshape(n)  -- 0: NaN
end

local TopK = Metric.class{
  name = "TopK", names = { "k" },
  check = function(op, o) check.count(op, "k", o.k, 1) end,
  begin = function(_, x) return { right = Metric.zeros(x, "f64", 1) } end,
  add = function(self, sums, x, y)
    local place, is_number = place_of(Metric.logits("TopK", x), y)
    local right = ones_where(place:lt(self.o.k)) * is_number
    sums.right:add_(right:sum():to "f64")
  end,
  result = function(self, sums) return sums.right:item() / self.n end,
}

--- metrics.TopK{ 5 }: takes logits [N, C].
---@param options table
---@return table metric
local function new(_, options) return Metric.new(TopK, options) end

return setmetatable(TopK, { __index = Metric, __call = new })
