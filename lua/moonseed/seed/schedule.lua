--- How alpha moves: a curve from one value to another over a number of steps.
--
--   t = k / steps                       k = 0 .. steps
--   linear   f(t) = t
--   cosine   f(t) = (1 - cos(pi t)) / 2
--   sigmoid  f(t) = (s(t) - s(0)) / (s(1) - s(0)),
--            s(t) = 1 / (1 + exp(-steepness (t - 1/2)))
--   alpha(k) = from + (to - from) f(t)
--
-- Monotone; exactly `from` at 0, exactly `to` from `steps` on.

local check = require "moonseed.check"

local Schedule = {}
Schedule.__index = Schedule

local function logistic(x) return 1 / (1 + math.exp(-x)) end

local curves = {
  linear = function(t) return t end,
  cosine = function(t) return (1 - math.cos(math.pi * t)) / 2 end,
  sigmoid = function(t, steepness)
    local low, high = logistic(-steepness / 2), logistic(steepness / 2)
    return (logistic(steepness * (t - 0.5)) - low) / (high - low)
  end,
}

local known = { curve = "cosine", steps = 200, steepness = 10 }

local function check_alpha(who, name, value)
  check.number(who, name, value)
  if not (value >= 0 and value <= 1) then
    check.fail(who, "%s is %.14g, expected 0 to 1", name, value)
  end
end

--- How schedules are given: { curve = "cosine", steps = 200, steepness = 10 }.
---@param who string
---@param options table|nil
---@return table  with every field
function Schedule.options(who, options)
  local o = check.options(who, options, {}, known)
  if not curves[o.curve] then
    check.fail(who, "no curve '%s' (cosine, linear, sigmoid)",
               tostring(o.curve))
  end
  check.count(who, "steps", o.steps, 1)
  check.number(who, "steepness", o.steepness)
  if not (o.steepness > 0 and o.steepness <= 100) then
    check.fail(who, "steepness is %.14g, expected above 0, up to 100",
               o.steepness)
  end
  return o
end

--- A schedule that stands at `from`.
---@param who string
---@param from number     0 to 1
---@param to number       0 to 1
---@param options table   see `options`
---@return table
function Schedule.new(who, from, to, options)
  check_alpha(who, "alpha", from)
  check_alpha(who, "target", to)
  local o = Schedule.options(who, options)
  return setmetatable({ from = from, to = to, k = 0, curve = o.curve,
                        steps = o.steps, steepness = o.steepness }, Schedule)
end

--- One that stays where it is.
---@param alpha number
---@return table
function Schedule.hold(alpha)
  return setmetatable({ from = alpha, to = alpha, k = 1, steps = 1,
                        curve = "linear", steepness = 10 }, Schedule)
end

---@return table
function Schedule:copy()
  local other = {}
  for name, value in pairs(self) do other[name] = value end
  return setmetatable(other, Schedule)
end

--- alpha after k steps.
---@param k integer
---@return number
function Schedule:at(k)
  if k >= self.steps then return self.to end
  if k <= 0 then return self.from end
  local f = curves[self.curve](k / self.steps, self.steepness)
  return self.from + (self.to - self.from) * math.min(math.max(f, 0), 1)
end

---@return number  alpha now
function Schedule:alpha() return self:at(self.k) end

--- One step on.
---@return number  alpha then
function Schedule:step()
  self.k = math.min(self.k + 1, self.steps)
  return self:alpha()
end

--- Whether alpha is on its target.
---@return boolean
function Schedule:is_done() return self.k >= self.steps end

---@return string  "up", "down" or "hold"
function Schedule:direction()
  if self:is_done() or self.to == self.from then return "hold" end
  return self.to > self.from and "up" or "down"
end

return Schedule
