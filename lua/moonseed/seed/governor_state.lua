--- A governor in a checkpoint: its window of losses, and the states it holds.

local context = require "moonseed.context"

local M = {}

local rule_fields = { "losses", "n", "streak", "fault", "learned" }

-- A part's state: tensors by name, a generator, or text.
local function save_part(archive, prefix, state)
  if type(state) == "cdata" then
    return { generator = context.generator_numbers(state) }
  elseif type(state) == "table" then
    archive:put_all(prefix, state.values)
    return { tensors = true }
  end
  return { text = state }
end

local function load_part(archive, prefix, t)
  if t.generator then return context.generator_of_numbers(t.generator) end
  if not t.tensors then return t.text end
  local values = archive:all(prefix)
  for _, value in pairs(values) do value:keep() end
  return { values = values, grads = {} }
end

local function save_held(archive, prefix, held)
  local t = { step = held.step, healthy = held.healthy, states = {} }
  for name, state in pairs(held.states) do
    t.states[name] = save_part(archive, prefix .. name .. ".", state)
  end
  return t
end

local function load_held(archive, prefix, t)
  local held = { step = t.step, healthy = t.healthy, states = {} }
  for name, state in pairs(t.states) do
    held.states[name] = load_part(archive, prefix .. name .. ".", state)
  end
  return held
end

--- Puts the governor's states into an archive; returns the rest, plain.
---@param governor table
---@param archive table
---@return table
function M.save(governor, archive)
  local t = { attempt = governor.attempt, step = governor.step,
              settling = governor.settling, rules = {}, candidates = {} }
  for _, name in ipairs(rule_fields) do t.rules[name] = governor.rules[name] end
  for i, held in ipairs(governor.candidates) do
    t.candidates[i] = save_held(archive, "governor.candidate" .. i .. ".",
                                held)
  end
  if governor.backup then
    t.backup = save_held(archive, "governor.backup.", governor.backup)
  end
  return t
end

--- Makes the governor what it was.
---@param governor table  that holds no states yet
---@param t table         as `save` gave it
---@param archive table
function M.load(governor, t, archive)
  governor.attempt, governor.step = t.attempt, t.step
  governor.settling = t.settling
  for _, name in ipairs(rule_fields) do governor.rules[name] = t.rules[name] end
  for i, held in ipairs(t.candidates) do
    governor.candidates[i] = load_held(
      archive, "governor.candidate" .. i .. ".", held)
  end
  if t.backup then
    governor.backup = load_held(archive, "governor.backup.", t.backup)
  end
end

return M
