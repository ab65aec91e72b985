--- The governor's place in a garden: it is shown every loss, some steps late so
--- that nobody waits for one, keeps good states, and when training has gone
--- wrong brings the last of them back: weights, optimiser, generator and policy
--- in one transaction, after the seeds that are not yet a part of the host have
--- been pruned. The policy does nothing in that step.

local check = require "moonseed.check"
local Governor = require "moonseed.seed.governor"
local governor_state = require "moonseed.seed.governor_state"
local parts = require "moonseed.seed.parts"
local stage = require "moonseed.seed.stage"

local M = {}

local LATE = 4    -- steps from a loss to the look at it
local EVERY = 50  -- steps between the states that are kept

local Guard = {}
Guard.__index = Guard

-- Of a garden without a governor.
local Idle = { look = function() return false end, mark = function() end,
               veto = function() end, save = function() end,
               load = function() end, close = function() end }
Idle.__index = Idle

local function part_list(garden)
  local list = { parts.module{ garden.model }, parts.generator{} }
  if garden.optim then
    list[#list + 1] = parts.optimiser{ garden.optim, clear = true }
  end
  list[#list + 1] = {
    name = "policy",
    save = function() return garden.decisions:state() end,
    load = function(state) garden.decisions:restore(state) end,
  }
  return list
end

--- Of a garden; `option` is false, true, or the governor's options.
---@param garden table
---@param option boolean|table|nil
---@return table
function M.new(garden, option)
  if not option then return setmetatable({}, Idle) end
  if option ~= true then check.table("Garden", "governor", option) end
  local o = { parts = part_list(garden), classes = garden.classes }
  for name, value in pairs(option == true and {} or option) do
    o[name] = value
  end
  return setmetatable({ garden = garden, governor = Governor(o),
                        losses = {} }, Guard)
end

local function prune_live(garden, why)
  for _, seed in ipairs(garden.all) do
    if stage.is_live(seed:stage()) then
      seed:uproot()
      seed:move("PRUNED", { why = why })
    end
  end
end

local function roll_back(self, verdict)
  local garden, governor = self.garden, self.governor
  if not governor:status().backup_step then
    garden:note("not_rolled_back", { why = verdict.text .. "; no state was "
                                     .. "confirmed yet", rule = verdict.rule })
    return
  end
  prune_live(garden, "governor: " .. verdict.rule)
  local step = governor:rollback()
  garden.decisions:forget()
  garden:note("rolled_back", { to = step, rule = verdict.rule,
                               why = verdict.text })
end

-- The governor's opinion of the oldest loss.
local function judge(self)
  local seen = table.remove(self.losses, 1)
  local verdict = self.governor:observe{
    step = seen.step, loss = seen.loss:item(), attempt = seen.attempt }
  seen.loss:dispose()
  return verdict
end

--- Shows a step's loss, looks at that of some steps ago.
---@param loss userdata|nil  a scalar
---@return boolean  whether it has rolled back
function Guard:look(loss)
  local garden, governor = self.garden, self.governor
  if loss then
    self.losses[#self.losses + 1] = {
      step = garden.steps, attempt = governor.attempt,
      loss = loss:detach():clone():keep() }
  end
  if #self.losses > LATE then
    local verdict = judge(self)
    if verdict then
      roll_back(self, verdict)
      return true
    end
  end
  if garden.steps % EVERY == 0 then self:mark() end
  return false
end

--- Takes the state as it is for a candidate.
function Guard:mark() self.governor:mark(self.garden.steps) end

--- Why the model must not be changed now, or nil.
---@return string|nil
function Guard:veto()
  return self.governor:veto{ step = self.garden.steps, action = "a plan" }
end

--- What a checkpoint keeps: losses not looked at yet, and the governor.
---@param archive table
---@return table
function Guard:save(archive)
  local t = { losses = {}, governor = governor_state.save(self.governor,
                                                           archive) }
  for i, seen in ipairs(self.losses) do
    t.losses[i] = { step = seen.step, attempt = seen.attempt }
    archive:put("garden.loss" .. i, seen.loss)
  end
  return t
end

---@param t table|nil       as `save` gave it
---@param archive table
function Guard:load(t, archive)
  if not t then return end
  governor_state.load(self.governor, t.governor, archive)
  self.losses = {}
  for i, seen in ipairs(t.losses) do
    self.losses[i] = { step = seen.step, attempt = seen.attempt,
                       loss = archive:get("garden.loss" .. i):keep() }
  end
end

--- Gives the memory of all states back.
function Guard:close()
  for _, seen in ipairs(self.losses) do seen.loss:dispose() end
  self.losses = {}
  self.governor:close()
end

return M
