--- The governor: watches the losses, keeps the last confirmed good state, and
-- brings it back when training has gone wrong.
--
--   local Governor = require "moonseed.seed.governor"
--   local g = Governor{ parts = { parts.module{ model },
--                                 parts.optimiser{ opt }, parts.generator{} },
--                       classes = 10 }
--   each step:  local verdict = g:observe{ step = step, loss = value }
--               if verdict then step = g:rollback() end
--               if step % 50 == 0 then g:mark(step) end
--
-- A state that mark takes is a candidate. It becomes the backup, the only
-- state that is ever restored, when enough losses of later steps in a row were
-- healthy; until then the older backup is kept. A bad loss starts that count
-- again, a verdict drops all candidates.
local check = require "moonseed.check"
local loss_rules = require "moonseed.seed.loss_rules"
local transaction = require "moonseed.seed.transaction"

---@class Governor
---@field attempt integer  rollbacks so far
local Governor = {}
Governor.__index = Governor

-- What is given, and why each default is what it is.
local known = {
  parts = check.required,
  -- Classes of a classifier trained with cross-entropy. Guessing costs
  -- ln(classes), "chance"; without it there is no collapse rule.
  classes = check.optional,

  -- Absolute: a loss above this. By default five times chance, which takes
  -- being sure and wrong on most images; infinite without `classes`, as the
  -- scale of the loss is not known.
  absolute = check.optional,
  -- Sigma: above mean + sigma deviations. The losses of batches have long
  -- tails: a hard batch reaches 3 or 4, three in a row beyond 6 do not happen.
  sigma = 6,
  -- The least deviation, as a share of the mean: a flat window would call
  -- rounding divergence.
  floor = 0.01,
  -- Ratio: above this many means, for windows too noisy for sigma. A module
  -- that joins may cost up to twice the mean for some steps.
  ratio = 3,
  -- Mean and deviation are over the last healthy losses: enough that one does
  -- not matter (deviation within 15%), few enough to follow a falling loss.
  window = 32,
  -- Fewer healthy losses than this are no measure for sigma and ratio.
  warmup = 8,

  -- Collapse: the loss is within this share of chance ...
  tolerance = 0.02,  -- outputs that ignore the input stay within 1%
  -- ... after the mean of a window was below chance by this share.
  margin = 0.1,      -- no untrained network gets there by luck

  -- Bad losses in a row for a verdict.
  patience = 3,
  -- Healthy losses in a row that confirm a candidate: well above `patience`,
  -- so that what breaks slowly shows before.
  confirm_after = 10,
  -- Candidates held at once; each is a copy of all parts. With two, one is
  -- near its confirmation when marks come faster than that.
  candidates = 2,
  -- Steps after a rollback without growth: a velocity with momentum 0.9 is
  -- rebuilt after 20 (0.9^20 = 12%), and the window should be filled again.
  settle = 30,
}

local positive = { "absolute", "sigma", "ratio", "floor", "tolerance" }
local counts = { "window", "warmup", "patience", "confirm_after", "candidates" }

local function check_options(o)
  if o.classes ~= nil then
    check.count("Governor", "classes", o.classes, 2)
    o.chance = math.log(o.classes)
  end
  if o.absolute == nil then
    o.absolute = o.chance and 5 * o.chance or math.huge
  end
  for _, name in ipairs(positive) do
    local value = check.number("Governor", name, o[name])
    if value ~= value or value <= 0 then
      check.fail("Governor", "%s is above 0, not %.14g", name, value)
    end
  end
  for _, name in ipairs(counts) do
    check.count("Governor", name, o[name], 1)
  end
  check.count("Governor", "settle", o.settle)
  if not (check.number("Governor", "margin", o.margin) > o.tolerance
          and o.margin < 1) then
    check.fail("Governor", "margin is above tolerance %.14g and below 1, not "
               .. "%.14g", o.tolerance, o.margin)
  end
  if o.warmup > o.window then
    check.fail("Governor", "warmup %d is more than window %d", o.warmup,
               o.window)
  end
end

--- Governor{ parts = { part, ... }, classes =, ... }: the parts as
--- moonseed.seed.transaction describes them, and the thresholds above.
---@param options table
---@return Governor
local function new(_, options)
  local o = check.options("Governor", options, {}, known)
  check_options(o)
  return setmetatable({
    options = o, parts = transaction.list("Governor", o.parts),
    rules = loss_rules.new(o), candidates = {}, attempt = 0,
  }, Governor)
end

local function drop(self, held)
  transaction.dispose(self.parts, held.states)
end

-- Candidates 1 to n go, oldest first.
local function drop_candidates(self, n)
  for _ = 1, n do drop(self, table.remove(self.candidates, 1)) end
end

-- --- losses ----------------------------------------------------------------

-- A healthy loss: the newest candidate with enough of them is the backup.
local function confirm(self, step)
  local ripe = 0
  for i, candidate in ipairs(self.candidates) do
    if step > candidate.step then
      candidate.healthy = candidate.healthy + 1
      if candidate.healthy >= self.options.confirm_after then ripe = i end
    end
  end
  if ripe == 0 then return end
  drop_candidates(self, ripe - 1)
  local older = self.backup
  self.backup = table.remove(self.candidates, 1)
  if older then drop(self, older) end
end

-- A bad loss, not the last straw.
local function hold_back(self)
  for _, candidate in ipairs(self.candidates) do candidate.healthy = 0 end
end

-- Settling starts at the first step after the rollback, whether the caller
-- counts on or goes back to the restored step.
local function settle_from(self, step)
  if self.settling then
    self.settling = math.min(self.settling, step)
    if step - self.settling >= self.options.settle then
      self.settling = nil
    end
  end
end

local observation = { step = true, loss = true, attempt = true }

--- The loss of a step; steps rise. With `attempt`, the governor's when the
--- step was taken, losses from before a rollback that come late are ignored.
--- A verdict may come before anything was confirmed: rollback raises then.
---@param given table  { step =, loss = a number, attempt = optional }
---@return table|nil  { rule =, step =, text = } when it is time to roll back
function Governor:observe(given)
  local op = "Governor: observe"
  check.table(op, "its argument", given)
  check.names(op, given, observation)
  local step = check.count(op, "step", given.step)
  local loss = check.number(op, "loss", given.loss)
  if given.attempt ~= nil
     and check.count(op, "attempt", given.attempt) < self.attempt then
    return nil
  end
  if self.step and step <= self.step then
    check.fail(op, "step %d after step %d", step, self.step)
  end
  self.step = step
  settle_from(self, step)
  local fault = self.rules:judge(loss)
  if not fault then
    confirm(self, step)
  elseif not fault.final then
    hold_back(self)
  else
    drop_candidates(self, #self.candidates)
    return { rule = fault.rule, step = step, text = fault.text }
  end
end

-- --- states ----------------------------------------------------------------

--- Takes the state as it is, after `step`, as a candidate: copies that are
--- enqueued, without a wait. Takes none while the losses are suspect, while
--- all candidates are held, or when that step's state is held already.
---@param step integer
---@return boolean  whether a candidate was taken
function Governor:mark(step)
  local op = "Governor: mark"
  check.count(op, "step", step)
  local held = self.candidates
  local newest = held[#held] or self.backup
  if newest and step < newest.step then
    check.fail(op, "step %d, and the state of step %d is held", step,
               newest.step)
  end
  if self.rules.streak > 0 or #held >= self.options.candidates
     or newest and step == newest.step then
    return false
  end
  held[#held + 1] = { step = step, healthy = 0,
                      states = transaction.save(self.parts) }
  return true
end

--- Brings the backup back, every part or none; the rules start afresh and the
--- candidates go. Raises, and nothing has changed, when no state was confirmed
--- yet or a part cannot take it. Suspends; no other task may step the model
--- meanwhile.
---@return integer step  after which the state was taken
---@return table<string, any> reports  of the parts' loads, by part name
function Governor:rollback()
  local backup = self.backup
  if not backup then
    check.fail("Governor: rollback", "no state has been confirmed yet")
  end
  local reports = transaction.load(self.parts, backup.states)
  drop_candidates(self, #self.candidates)
  self.rules:reset()
  self.attempt, self.step, self.settling = self.attempt + 1, nil, math.huge
  return backup.step, reports
end

--- Gives the memory of all states back.
function Governor:close()
  drop_candidates(self, #self.candidates)
  if self.backup then drop(self, self.backup) end
  self.backup = nil
end

-- --- growth ----------------------------------------------------------------

local proposal = { step = true, action = true }

--- Whether an action that grows the model must wait.
---@param given table  { step =, action = its name }
---@return string|nil  why it must
function Governor:veto(given)
  local op = "Governor: veto"
  check.table(op, "its argument", given)
  check.names(op, given, proposal)
  local step = check.count(op, "step", given.step)
  local action = check.text(op, "action", given.action)
  local rules = self.rules
  settle_from(self, step)
  if rules.streak > 0 then
    return ("%s at step %d: the losses are suspect: %s"):format(
      action, step, rules.fault.text)
  elseif self.settling then
    return ("%s at step %d: %d of %d steps since the rollback"):format(
      action, step, step - self.settling, self.options.settle)
  elseif not self.backup then
    return ("%s at step %d: no state has been confirmed yet"):format(action,
                                                                     step)
  end
end

--- What the governor holds and thinks, for telemetry.
---@return table  { attempt =, bad_in_a_row =, backup_step = or nil,
---                 candidate_steps = {...} }
function Governor:status()
  local steps = {}
  for i, candidate in ipairs(self.candidates) do steps[i] = candidate.step end
  return { attempt = self.attempt, bad_in_a_row = self.rules.streak,
           backup_step = self.backup and self.backup.step,
           candidate_steps = steps }
end

return setmetatable(Governor, { __call = new })
