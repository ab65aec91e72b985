--- The snapshot of a garden that a policy is given: plain tables, in which what
--- was not measured is absent. scripts/policies says how it is read.

local blueprint = require "moonseed.seed.blueprint"
local gates = require "moonseed.seed.gate"
local stage = require "moonseed.seed.stage"

local M = { VERSION = 1 }

local function gate_of(seed, name)
  local to = stage.forward[name]
  if not to then return {} end
  local gate = gates.before[to]
  local passed, note = gates.ask(gate, gates.measured(seed), seed.garden.gates)
  return { gate, passed, note.failed }
end

local function row(seed)
  local name, garden = seed:stage(), seed.garden
  local gate = gate_of(seed, name)
  local left
  if name == "EMBARGOED" then
    left = stage.EMBARGO - (garden.epochs - seed.since)
  end
  return {
    name = seed.slot.name, seed = seed.index, stage = name,
    alpha = seed:alpha(), target = seed.schedule.to,
    age_steps = seed.measures:age(seed.row),
    age_epochs = garden.epochs - (seed.since or 0),
    blueprint = seed.blueprint, contribution = seed.contribution,
    improvement = seed.improvement, gradient_ratio = seed.gradient_ratio,
    shadow_loss = seed.held_out, errors = seed:errors(),
    failed = seed.failure ~= nil, embargo_left = left,
    gate = gate[1], gate_passed = gate[2], gate_failed = gate[3],
  }
end

local function parameters(model)
  local n = 0
  for _, p in model:parameters() do n = n + p:numel() end
  return n
end

-- Lists of names, outcomes: copies, so that the garden's may go on.
local function copy(list)
  local other = {}
  for i, value in ipairs(list) do other[i] = value end
  return other
end

--- The snapshot as it is now.
---@param garden table
---@return table
function M.of(garden)
  local slots = {}
  for i, seed in ipairs(garden.all) do slots[i] = row(seed) end
  local last = garden.last or {}
  return {
    version = M.VERSION, step = garden.steps, epoch = garden.epochs,
    host = { valid_loss = last.loss, valid_accuracy = last.accuracy,
             valid_losses = copy(garden.valid_losses),
             parameters = parameters(garden.model) },
    blueprints = copy(garden.blueprints or blueprint.names()),
    slots = slots, outcomes = copy(garden.outcomes),
  }
end

return M
