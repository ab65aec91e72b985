-- The governor in thousands of random runs, against a second reading of its
-- rules: one that looks at the whole history each time.
local Governor = require "moonseed.seed.governor"

local rules = { classes = 10, window = 6, warmup = 3, patience = 3,
                confirm_after = 4, sigma = 6, ratio = 3, floor = 0.01,
                tolerance = 0.02, margin = 0.1, candidates = 2 }
local chance = math.log(10)

-- A governor over one number, `world.value`; `world.held` counts its copies.
local function small()
  local world, o = { value = 0, held = 0 }, {}
  for name, value in pairs(rules) do o[name] = value end
  o.parts = { {
    name = "value",
    save = function()
      world.held = world.held + 1
      return { world.value }
    end,
    load = function(state) world.value = state[1] end,
    dispose = function() world.held = world.held - 1 end,
  } }
  return Governor(o), world
end

-- What the rules say, read off the whole history each time.
local Reference = {}
Reference.__index = Reference

local function is_finite(x) return x == x and math.abs(x) < math.huge end

function Reference:healthy_losses()
  local list = {}
  for _, entry in ipairs(self.history) do
    if not entry.bad then list[#list + 1] = entry.loss end
  end
  return list
end

-- Mean and deviation of the last `window` of the first n.
local function window_of(list, n)
  if math.min(n, rules.window) < rules.warmup then return nil end
  local from = math.max(1, n - rules.window + 1)
  local sum, count, squares = 0, 0, 0
  for i = from, n do sum, count = sum + list[i], count + 1 end
  local mean = sum / count
  for i = from, n do squares = squares + (list[i] - mean) ^ 2 end
  return mean, math.max(math.sqrt(squares / (count - 1)), 0.01 * mean)
end

function Reference:is_bad(loss)
  if not is_finite(loss) or loss > 5 * chance then return true end
  local healthy = self:healthy_losses()
  for n = 1, #healthy do
    local mean = window_of(healthy, n)
    if mean and mean < 0.9 * chance
       and math.abs(loss - chance) <= 0.02 * chance then
      return true
    end
  end
  local mean, deviation = window_of(healthy, #healthy)
  return mean ~= nil
    and (loss > 3 * mean or loss > mean + 6 * deviation)
end

-- The bad losses at the end: how many, and whether one is not finite.
function Reference:tail()
  local n, wild = 0, false
  for i = #self.history, 1, -1 do
    if not self.history[i].bad then break end
    n = n + 1
    wild = wild or not is_finite(self.history[i].loss)
  end
  return n, wild
end

function Reference:is_confirmed(step)
  local n = 0
  for i = #self.history, 1, -1 do
    local entry = self.history[i]
    if entry.bad then break end
    if entry.step > step then n = n + 1 end
  end
  return n >= rules.confirm_after
end

function Reference:observe(step, loss)
  table.insert(self.history,
               { step = step, loss = loss, bad = self:is_bad(loss) })
  local n, wild = self:tail()
  if n >= rules.patience or wild then
    self.marks = {}
    return true
  end
  local confirmed = 0
  for i, mark in ipairs(self.marks) do
    if self:is_confirmed(mark) then confirmed = i end
  end
  if confirmed > 0 then
    self.backup = self.marks[confirmed]
    for _ = 1, confirmed do table.remove(self.marks, 1) end
  end
  return false
end

function Reference:mark(step)
  local newest = self.marks[#self.marks] or self.backup
  if self:tail() == 0 and #self.marks < 2 and newest ~= step then
    table.insert(self.marks, step)
  end
end

function Reference:rollback() self.history, self.marks = {}, {} end

-- Mostly healthy losses near 1 or near chance, and everything that is not.
local function random_loss(level)
  local dice = math.random(100)
  if dice <= 70 then return level * (1 + 0.1 * (math.random() - 0.5)) end
  if dice <= 76 then return 40 + math.random() end
  if dice <= 80 then return level * (3 + math.random()) end
  if dice <= 88 then return level * (1 + math.random()) end
  if dice <= 95 then return chance * (1 + 0.05 * (math.random() - 0.5)) end
  local wild = { 0 / 0, 1 / 0, -1 / 0 }
  return wild[math.random(3)]
end

-- A rollback brings the number back that was there at the backup's step.
local function check_rollback(g, world, reference)
  if not reference.backup then
    assert.is_false((pcall(g.rollback, g)))
    return
  end
  assert.equal(reference.backup, (g:rollback()))
  assert.equal(reference.backup, world.value)
  reference:rollback()
end

-- What the governor holds is what the reference does.
local function same_state(g, world, reference)
  local status, held = g:status(), reference.backup and 1 or 0
  for i, mark in ipairs(reference.marks) do
    if status.candidate_steps[i] ~= mark then return false end
  end
  return reference.backup == status.backup_step
    and #reference.marks == #status.candidate_steps
    and #reference.marks + held == world.held
    and (reference:tail() > 0) == (status.bad_in_a_row > 0)
end

local function random_run(counts)
  local g, world = small()
  local reference = setmetatable({ history = {}, marks = {} }, Reference)
  local level = math.random() < 0.3 and chance or 1
  for step = 1, 60 do
    if math.random() < 0.02 then level = 1 end
    world.value = step
    local loss = random_loss(level)
    local verdict = g:observe{ step = step, loss = loss }
    local expected = reference:observe(step, loss)
    if expected ~= (verdict ~= nil) then
      error(("step %d, loss %g: %s"):format(step, loss, expected
            and "no verdict" or "verdict " .. verdict.text))
    end
    if verdict then
      counts[verdict.rule] = (counts[verdict.rule] or 0) + 1
    end
    if math.random() < 0.3 then
      g:mark(step)
      reference:mark(step)
    end
    if verdict and math.random() < 0.8 or math.random() < 0.01 then
      check_rollback(g, world, reference)
    end
    if not same_state(g, world, reference) then
      error(("step %d: other states are held"):format(step))
    end
  end
end

describe("3,000 random runs", function()
  it("go as the rules say, and every rule has its turn", function()
    math.randomseed(11)
    local counts = {}
    for _ = 1, 3000 do random_run(counts) end
    for _, rule in ipairs{ "non_finite", "collapse", "absolute", "ratio",
                           "sigma" } do
      assert.is_true((counts[rule] or 0) > 20, rule)
    end
  end)
end)
