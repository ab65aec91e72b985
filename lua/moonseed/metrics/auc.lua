--- The area under the receiver operating characteristic: how often an example
--- of the class has a larger score than one that is not of it; equal scores
--- count half (Mann and Whitney 1947). Exact: the scores are kept, on the
--- device, and sorted when the value is read. With more than two classes it is
--- the mean over the classes, each against the rest, that have examples of both
--- kinds.
local check = require "moonseed.check"
local core = require "moonseed.ffi"
local Metric = require "moonseed.metrics.metric"
local moon = require "moonseed"
local order = require "moonseed.metrics.order"
local read = require "moonseed.read"
local tensor = require "moonseed.tensor"

-- [N, K]: one column for two classes, else one per class.
local function scores_of(x)
  if x:dtype():sub(1, 1) == "f" then
    local n = x:size(1)
    if x:ndim() == 1 then return x:reshape(n, 1) end
    if x:ndim() == 2 and x:size(2) == 2 then
      return x:narrow(2, 2, 1) - x:narrow(2, 1, 1)
    end
    if x:ndim() == 2 then return x:softmax(2) end
  end
  check.fail("AUC", "%s %s; expected scores [N] or logits [N, C]",
             tensor.shape_text(x), x:dtype())
end

-- The area for labels that are `class`, of scores in ascending order: what the
-- ranks of its examples add up to. Nil where all or none are.
local function area(sorted, labels, n, class)
  local ranks, positive, i = 0, 0, 0
  while i < n do
    local last, found = i, 0
    repeat
      if labels[sorted.place[last]] == class then found = found + 1 end
      last = last + 1
    until last == n or sorted.value[last] ~= sorted.value[i]
    ranks = ranks + found * (i + 1 + last) / 2  -- of equal scores, their mean
    positive, i = positive + found, last
  end
  local negative = n - positive
  if positive == 0 or negative == 0 then return nil end
  return (ranks - positive * (positive + 1) / 2) / (positive * negative)
end

-- The elements of a tensor as doubles of our own.
local function numbers(t)
  local n = t:numel()
  local list = core.array("double[?]", math.max(n, 1))
  local values = read.values(t:to "f64")
  for i = 0, n - 1 do list[i] = values[i] end
  return list
end

local AUC = Metric.class{
  name = "AUC",
  begin = function() return { scores = {}, labels = {} } end,
  add = function(_, sums, x, y)
    local scores = scores_of(x):clone():keep()
    sums.scores[#sums.scores + 1] = scores
    sums.labels[#sums.labels + 1] = y:clone():keep()
  end,
  result = function(_, sums)
    local scores, labels = moon.cat(sums.scores, 1), moon.cat(sums.labels, 1)
    sums.scores, sums.labels = { scores:keep() }, { labels:keep() }
    local n, columns = scores:size(1), scores:size(2)
    local is, total, count = numbers(labels), 0, 0
    for c = 1, columns do
      local sorted = order.of(numbers(scores:narrow(2, c, 1)), n)
      local one = area(sorted, is, n, columns == 1 and 1 or c - 1)
      if one then total, count = total + one, count + 1 end
    end
    return count > 0 and total / count or nil
  end,
}

--- metrics.AUC{}: takes scores [N] of class 1, or logits [N, C]; labels from 0.
---@param options table|nil
---@return table metric
local function new(_, options) return Metric.new(AUC, options) end

return setmetatable(AUC, { __index = Metric, __call = new })
