--- What the policy decides, and when it is done.
--
-- At the end of an epoch the policy is given a snapshot and thinks beside the
-- training. What it decides upon the snapshot of step s is done at step s + lag
-- (at the end of the next epoch, unless `lag` says otherwise), so that a run
-- can be repeated bit for bit; with `free`, when it comes. A decision about a
-- seed that has changed since is rejected, with the reason, and so is a plan
-- that cannot be done whole.

local Host = require "moonseed.seed.policy.host"
local view = require "moonseed.seed.view"

local Decisions = {}
Decisions.__index = Decisions

--- Of a garden, with its options.
---@param garden table
---@param o table
---@return table
function Decisions.new(garden, o)
  local self = setmetatable({ garden = garden, lag = o.lag, free = o.free,
                              asked = {} }, Decisions)
  if o.policy then
    self.host = Host.start{
      path = o.policy, config = o.config or {}, rng_seed = o.rng_seed,
      on_event = function(event) garden:note(event.kind, event) end }
  end
  return self
end

-- How often each seed had changed when the snapshot was taken.
local function changes_of(garden)
  local changes = {}
  for _, seed in ipairs(garden.all) do changes[seed] = seed.changes end
  return changes
end

local function ask(self)
  local garden = self.garden
  local question = { step = garden.steps, epoch = garden.epochs,
                     changes = changes_of(garden),
                     id = self.host:ask(view.of(garden)) }
  self.asked[#self.asked + 1] = question
end

-- Why an action upon this snapshot is not done any more, or nil.
local function stale(garden, question, action)
  local slot = garden.by_name[action.slot]
  local seed = slot and slot.list[action.seed or 1]
  if seed and question.changes[seed] ~= seed.changes then
    return ("%s has changed since step %d, it is %s"):format(
      tostring(seed), question.step, seed:stage())
  end
end

local function refusal(garden, question, actions)
  for _, action in ipairs(actions) do
    local why = stale(garden, question, action)
    if why then return why end
  end
  local planned = garden.planned
  if planned and garden.steps - planned < garden.cooldown then
    return ("cooling down: %d of %d steps since the last plan"):format(
      garden.steps - planned, garden.cooldown)
  end
  return garden.guard:veto()
end

local function carry_out(self, question, actions)
  local garden = self.garden
  local why = refusal(garden, question, actions)
  if not why then
    local ok, e = pcall(garden.apply, garden, actions)
    why = not ok and tostring(e) or nil
  end
  garden:note(why and "plan_rejected" or "plan_applied", {
    asked = question.step, actions = actions, why = why })
end

local function settle(self, question)
  local actions, why = self.host:answer(question.id)
  if not actions then
    self.garden:note("policy_silent", { asked = question.step, why = why })
  elseif #actions > 0 then
    carry_out(self, question, actions)
  end
end

local function is_due(self, question)
  if self.free then return self.host:is_ready(question.id) end
  return self.lag and self.garden.steps >= question.step + self.lag
end

--- At a step: does what is due.
function Decisions:step()
  local host = self.host
  if not host then return end
  host:boundary()
  local first = self.asked[1]
  while first and is_due(self, first) do
    table.remove(self.asked, 1)
    settle(self, first)
    first = self.asked[1]
  end
end

--- At the end of an epoch: does what is due, then asks again.
function Decisions:epoch()
  if not self.host then return end
  if not self.free and not self.lag then
    local due = self.asked
    self.asked = {}
    for _, question in ipairs(due) do settle(self, question) end
  end
  self.host:boundary()
  ask(self)
end

--- What the policy remembers; nil without one.
---@return string|nil
function Decisions:state() return self.host and self.host:state() end

---@param state string|nil  as `state` gave it
function Decisions:restore(state)
  if self.host and state then self.host:restore(state) end
end

--- What a checkpoint keeps: the policy's memory, the questions that are open.
---@return table|nil
function Decisions:save()
  if not self.host then return nil end
  local t = { policy = self.host:state(), asked = {} }
  for i, question in ipairs(self.asked) do
    local changes = {}
    for row, seed in ipairs(self.garden.all) do
      changes[row] = question.changes[seed]
    end
    t.asked[i] = { step = question.step, epoch = question.epoch,
                   id = question.id, changes = changes }
  end
  return t
end

---@param t table|nil  as `save` gave it
function Decisions:load(t)
  if not (self.host and t) then return end
  self.host:restore(t.policy)
  self.asked = {}
  for i, question in ipairs(t.asked) do
    local changes = {}
    for row, seed in ipairs(self.garden.all) do
      changes[seed] = question.changes[row]
    end
    self.asked[i] = { step = question.step, epoch = question.epoch,
                      id = question.id, changes = changes }
  end
end

--- Forgets what was asked: it was about a state that is no more.
function Decisions:forget() self.asked = {} end

--- Ends the policy's thread.
function Decisions:close()
  if self.host then self.host:close() end
  self.host = nil
end

return Decisions
