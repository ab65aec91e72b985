--- Plans: several edits that are done whole or not at all. Every action is
--- prepared first; then all are committed, which cannot fail, and only then is
--- anyone told. Preparing may wait for numbers, and others may go on meanwhile:
--- a seed that has changed since is an error.
--
-- A plan edits a seed once: what the gates ask about is measured in the stage
-- that the seed is in now, not in one that it would be in then.

local check = require "moonseed.check"
local cost = require "moonseed.nn.cost"
local life = require "moonseed.seed.life"

local M = {}

local known = { slot = true, seed = true, action = true, blueprint = true,
                target = true, why = true, force = true, kind = true,
                curve = true, steps = true, steepness = true }

local function prepare(garden, actions)
  check.table("garden", "the plan", actions)
  local edits, seen = {}, {}
  for i, action in ipairs(actions) do
    check.table("garden", ("action %d"):format(i), action)
    check.names("garden: action", action, known)
    local seed = garden:slot(action.slot):seed(action.seed)
    if seen[seed] then
      check.fail("garden", "actions %d and %d both edit %s", seen[seed], i,
                 tostring(seed))
    end
    local from, changes = seed:stage(), seed.changes
    local to, commit, note = life.prepare(seed, action, from)
    seen[seed] = i
    edits[i] = { seed = seed, from = from, to = to, commit = commit,
                 note = note, action = action, changes = changes }
  end
  return edits
end

local function check_unchanged(edits)
  for _, edit in ipairs(edits) do
    local seed = edit.seed
    if seed.changes ~= edit.changes then
      check.fail("garden", "%s has changed meanwhile, it is %s",
                 tostring(seed), seed:stage())
    end
  end
end

--- Applies all actions, or raises and changes nothing.
---@param garden table
---@param actions table[]
function M.apply(garden, actions)
  local edits = prepare(garden, actions)
  check_unchanged(edits)
  garden:quietly(function()
    for _, edit in ipairs(edits) do edit.commit() end
    garden.planned = garden.steps
  end)
end

local function line(edit)
  local text = ("%s: %s -> %s"):format(tostring(edit.seed), edit.from, edit.to)
  local module = edit.note.module
  if not module then return text end
  local costs = cost.of(module, edit.note.shape)
  return ("%s (%s, %d parameters, %.3g MFLOPs an image)"):format(
    text, edit.action.blueprint, costs.parameters, costs.flops / 1e6)
end

--- What the actions would do, a line each.
---@param garden table
---@param actions table[]
---@return string
function M.diff(garden, actions)
  local lines = {}
  for i, edit in ipairs(prepare(garden, actions)) do lines[i] = line(edit) end
  return table.concat(lines, "\n")
end

return M
