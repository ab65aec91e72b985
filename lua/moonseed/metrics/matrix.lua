--- Counting a confusion matrix on the device, for the metrics that are made of
--- one.
local check = require "moonseed.check"
local Metric = require "moonseed.metrics.metric"
local moon = require "moonseed"

local M = {}

--- Raises unless `classes` is a number of classes.
---@param op string
---@param o table
function M.check(op, o) check.count(op, "classes", o.classes, 1) end

-- Ones where a class is, [N, classes]. A label that there is not is an error
-- of the op, by its number.
local function indicator(eye, index) return eye:index_select(1, index) end

local function eye_of(x, n)
  local i = moon.arange(n, { dtype = "i64", device = x:device() })
  return i:reshape(n, 1):eq(i:reshape(1, n)):to "f32"
end

--- What a matrix is counted in.
---@param self table
---@param x userdata
---@return table
function M.begin(self, x)
  local n = self.o.classes
  return { counts = Metric.zeros(x, "i64", n, n), eye = eye_of(x, n) }
end

--- Counts a batch: rows are true classes, columns the predicted ones.
---@param self table
---@param sums table
---@param x userdata
---@param y userdata
function M.add(self, sums, x, y)
  local op, classes = self.def.name, self.o.classes
  if x:ndim() == 2 then Metric.logits(op, x, classes) end
  local got = indicator(sums.eye, Metric.predicted(op, x))
  local is = indicator(sums.eye, y)
  sums.counts:add_(is:t():matmul(got):to "i64")
end

return M
