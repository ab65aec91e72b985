--- The shapes of a rate: its share of the first rate at a place of the run.
--- Each has the options it takes with their defaults, `check` for them, and
--- `factor(o, at)`, where at = { k =, steps =, part = }: step k (from 0) of so
--- many, and the share of the run in [0, 1] that is over, warm-up left out.
local check = require "moonseed.check"

local M = {}

local function share(op, name, value)
  check.number(op, name, value)
  if not (value >= 0 and value <= 1) then
    check.fail(op, "%s is %.14g, expected a number in [0, 1]", name, value)
  end
end

local function falling(part) return (1 + math.cos(math.pi * part)) / 2 end

local function above(floor, factor) return floor + (1 - floor) * factor end

local function check_floor(op, o) share(op, "floor", o.floor) end

--- A number of steps: as it is, or below 1 a share of all.
---@param value number
---@param steps integer
---@return number
function M.steps_of(value, steps)
  return value < 1 and math.floor(value * steps + 0.5) or value
end

--- Raises unless it is a whole number of steps or a share.
---@param op string
---@param name string
---@param value any
function M.check_steps(op, name, value)
  check.number(op, name, value)
  if not (value >= 0 and (value < 1 or value % 1 == 0 and value < 2 ^ 53)) then
    check.fail(op, "%s is a whole number of steps or a share below 1, not "
               .. "%.14g", name, value)
  end
end

M.constant = { known = {}, factor = function() return 1 end }

M.linear = {
  known = { floor = 0 }, check = check_floor, is_whole = true,
  factor = function(o, at) return above(o.floor, 1 - at.part) end,
}

M.cosine = {
  known = { floor = 0 }, check = check_floor, is_whole = true,
  factor = function(o, at) return above(o.floor, falling(at.part)) end,
}

M.one_cycle = {
  known = { rise = 0.25, start = 0, floor = 0 }, is_whole = true,
  check = function(op, o)
    share(op, "rise", o.rise)
    share(op, "start", o.start)
    share(op, "floor", o.floor)
  end,
  factor = function(o, at)
    if at.part < o.rise then return above(o.start, at.part / o.rise) end
    if o.rise == 1 then return 1 end
    return above(o.floor, falling((at.part - o.rise) / (1 - o.rise)))
  end,
}

-- How many of the places are behind step k.
local function passed(o, at)
  if o.every then return math.floor(at.k / M.steps_of(o.every, at.steps)) end
  local n = 0
  for _, place in ipairs(o.at) do
    if at.k >= M.steps_of(place, at.steps) then n = n + 1 end
  end
  return n
end

local function has_shares(o)
  if o.every then return o.every < 1 end
  for _, place in ipairs(o.at) do
    if place < 1 then return true end
  end
  return false
end

M.step = {
  known = { at = check.optional, every = check.optional, factor = 0.1 },
  check = function(op, o)
    share(op, "factor", o.factor)
    if (o.at == nil) == (o.every == nil) then
      check.fail(op, "give at = { steps } or every = steps")
    end
    if o.every then
      M.check_steps(op, "every", o.every)
      if o.every == 0 then check.fail(op, "every is 0") end
    else
      for i, place in ipairs(check.table(op, "at", o.at)) do
        M.check_steps(op, ("at[%d]"):format(i), place)
      end
    end
  end,
  is_whole = has_shares,
  factor = function(o, at) return o.factor ^ passed(o, at) end,
}

-- The state of a plateau: scale, the factor so far; best loss; bad, how many
-- were no better since; rest, how many are not looked at.
M.plateau = {
  known = { factor = 0.1, patience = 10, threshold = 1e-4, cooldown = 0,
            floor = 0 },
  check = function(op, o)
    share(op, "factor", o.factor)
    share(op, "floor", o.floor)
    share(op, "threshold", o.threshold)
    check.count(op, "patience", o.patience)
    check.count(op, "cooldown", o.cooldown)
  end,
  begin = function()
    return { scale = 1, best = math.huge, bad = 0, rest = 0 }
  end,
  tell = function(o, s, loss)
    if loss < s.best * (1 - o.threshold) then
      s.best, s.bad = loss, 0
    else
      s.bad = s.bad + 1
    end
    if s.rest > 0 then s.rest, s.bad = s.rest - 1, 0 end
    if s.bad <= o.patience then return end
    s.scale = math.max(s.scale * o.factor, o.floor)
    s.bad, s.rest = 0, o.cooldown
  end,
  factor = function(_, _, s) return s.scale end,
}

return M
