--- A curve: the steps and values of one name, and how much of it is drawn.
--
-- Thinning is M4 (Jugel et al., "M4: A Visualization-Oriented Time Series Data
-- Aggregation", VLDB 2014): of each of `columns` equal stretches of steps the
-- first, the least, the greatest and the last point. A line through these
-- covers the same pixels as one through all. Every point drawn is a point of
-- the record.

local core = require "moonseed.ffi"
local ffi = core.ffi

local Curve = {}
Curve.__index = Curve

--- Without points.
---@param name string
---@return table
function Curve.new(name)
  return setmetatable({ name = name, n = 0, room = 0, last = -1,
                        finite = 0 }, Curve)
end

local function grow(self)
  local room = math.max(64, self.room * 2)
  local steps = core.array("double[?]", room)
  local values = core.array("double[?]", room)
  if self.n > 0 then
    ffi.copy(steps, self.steps, self.n * 8)
    ffi.copy(values, self.values, self.n * 8)
  end
  self.steps, self.values, self.room = steps, values, room
end

-- How many points have a step of at most `step`.
local function points_to(self, step)
  local low, high = 0, self.n
  while low < high do
    local middle = math.floor((low + high) / 2)
    if self.steps[middle] <= step then low = middle + 1 else high = middle end
  end
  return low
end

--- Takes away the points after `step`.
---@param step number
---@return integer  how many
function Curve:cut(step)
  local n = points_to(self, step)
  local gone = self.n - n
  self.n, self.last = n, n > 0 and self.steps[n - 1] or -1
  return gone
end

--- Adds a point; one before the last step supersedes what was there from its
--- step on.
---@param step number
---@param value number
---@return integer  points superseded
function Curve:add(step, value)
  local gone = step < self.last and self:cut(step - 1) or 0
  local n = self.n
  if n == self.room then grow(self) end
  self.steps[n], self.values[n] = step, value
  self.n, self.last = n + 1, step
  return gone
end

--- What can be said of it in numbers; least and greatest of the finite values,
--- the earliest of equals.
---@return table  n, finite, first, final, least, least_step, greatest,
---               greatest_step, mean; travel: the way up and down; nil what
---               there is not
function Curve:summary()
  if self.facts and self.facts.n == self.n then return self.facts end
  local least, greatest = math.huge, -math.huge
  local at_least, at_greatest, sum, finite = 0, 0, 0, 0
  local first, final, travel = nil, nil, 0
  local values = self.values
  for i = 0, self.n - 1 do
    local v = values[i]
    if v - v == 0 then
      if v < least then least, at_least = v, i end
      if v > greatest then greatest, at_greatest = v, i end
      sum, finite = sum + v, finite + 1
      if final then travel = travel + math.abs(v - final) end
      first, final = first or v, v
    end
  end
  self.facts = { n = self.n, finite = finite, first = first, final = final,
                 travel = travel }
  if finite > 0 then
    local facts = self.facts
    facts.least, facts.least_step = least, self.steps[at_least]
    facts.greatest, facts.greatest_step = greatest, self.steps[at_greatest]
    facts.mean = sum / finite
  end
  return self.facts
end

--- Value at the last point with a step of at most `step`; nil before the first.
---@param step number
---@return number|nil
function Curve:at(step)
  local n = points_to(self, step)
  return n > 0 and self.values[n - 1] or nil
end

--- Step of that point.
---@param step number
---@return number|nil
function Curve:step_at(step)
  local n = points_to(self, step)
  return n > 0 and self.steps[n - 1] or nil
end

-- Adds the points of a stretch that M4 keeps, and one that is not finite.
local function keep_stretch(list, values, from, to)
  local low, high, gap
  for i = from, to do
    local v = values[i]
    if v - v ~= 0 then
      gap = i
    else
      if not low or v < values[low] then low = i end
      if not high or v > values[high] then high = i end
    end
  end
  local chosen = { from, to, low or to, high or to, gap }
  table.sort(chosen)
  for _, i in ipairs(chosen) do
    if list[#list] ~= i then list[#list + 1] = i end
  end
end

-- Calls visit(column, from, to) for each of `columns` equal stretches of the
-- steps `first` to `last` that has points; indices from 0.
local function each_stretch(self, columns, first, last, visit)
  local steps, i = self.steps, 0
  local width = math.max(last - first, 1) * (1 + 1e-12) / columns
  while i < self.n do
    local column, from = math.floor((steps[i] - first) / width), i
    while i < self.n and math.floor((steps[i] - first) / width) == column do
      i = i + 1
    end
    visit(column, from, i - 1)
  end
end

--- Which points are drawn, of steps `first` to `last`.
---@param columns integer
---@param first number
---@param last number
---@return integer[]  their indices from 0, in order; all when there are few
function Curve:thin(columns, first, last)
  local list = {}
  if self.n <= 2 * columns then
    for i = 0, self.n - 1 do list[#list + 1] = i end
    return list
  end
  each_stretch(self, columns, first, last, function(_, from, to)
    keep_stretch(list, self.values, from, to)
  end)
  return list
end

--- Mean of the finite values in each of `columns` stretches.
---@param columns integer
---@param first number
---@param last number
---@return table<integer, number>  by the stretch's number from 0
function Curve:means(columns, first, last)
  local means, values = {}, self.values
  each_stretch(self, columns, first, last, function(column, from, to)
    local sum, n = 0, 0
    for i = from, to do
      local v = values[i]
      if v - v == 0 then sum, n = sum + v, n + 1 end
    end
    if n > 0 then means[column] = sum / n end
  end)
  return means
end

return Curve
