--- `life` in a policy: the ordinary life of a seed, so that a policy file only
--- says what is special about it.
--
--   local actions = life.advance(view, options)   -- all but planting
--   for _, slot in ipairs(life.free(view, options)) do
--     table.insert(actions, life.plant(slot, "norm", "why"))
--   end
--   return actions
--
-- Uses nothing of moonseed: a policy's thread loads it.

local M = {}

--- Options that life's functions read, and what they are unless given.
M.defaults = {
  -- Epochs in a stage without passing its gate before the seed is pruned.
  patience = { GERMINATED = 3, TRAINING = 10, BLENDING = 20, HOLDING = 10 },
  max_errors = 0,  -- of a seed; with more it is pruned
  max_live = 1,    -- seeds that grow at the same time, over all slots
  embargo = 0,     -- epochs that a slot is left alone after a pruning there
}

local function known_names(t)
  local names = {}
  for name in next, t do names[#names + 1] = name end
  table.sort(names)
  return table.concat(names, ", ")
end

-- A number may stand for patience's table, and where a default is "auto".
local function check_option(name, value, default)
  if type(value) == type(default) then return end
  local number_too = name == "patience" or default == "auto"
  if not (number_too and type(value) == "number") then
    error(("%s is a %s, not a %s"):format(name, type(default), type(value)), 0)
  end
end

--- The options of a policy: what the user's config says, else the policy's own
--- `defaults`, else life's. An unknown name in the config raises.
---@param config table|nil
---@param defaults table|nil
---@return table
function M.options(config, defaults)
  local result = {}
  for name, value in next, M.defaults do result[name] = value end
  for name, value in next, defaults or {} do result[name] = value end
  for name, value in next, config or {} do
    if result[name] == nil then
      error(("no option '%s' (known: %s)"):format(tostring(name),
        known_names(result)), 0)
    end
    check_option(name, value, result[name])
    result[name] = value
  end
  return result
end

local growing = { GERMINATED = true, TRAINING = true, BLENDING = true,
                  HOLDING = true }

--- Whether a seed grows: planted, and neither fossil nor pruned.
---@param seed table  an entry of view.slots
---@return boolean
function M.is_live(seed)
  return growing[seed.stage] == true
end

-- Why a seed has been in its stage for too long, or nil.
local function impatience(seed, options)
  local patience = options.patience
  if type(patience) == "table" then patience = patience[seed.stage] end
  if not patience or (seed.age_epochs or 0) < patience then return nil end
  local failed = table.concat(seed.gate_failed or {}, ", ")
  return ("%d epochs in %s, %s failed: %s"):format(seed.age_epochs,
    seed.stage, seed.gate or "its gate", failed)
end

-- What should happen to a live seed, and why; nothing if it should go on.
local function next_step(seed, options)
  if (seed.errors or 0) > options.max_errors then
    return "prune", ("%d errors"):format(seed.errors)
  elseif seed.gate_passed then
    return seed.stage == "HOLDING" and "fossilize" or "advance",
      (seed.gate or "its gate") .. " passed"
  end
  local why = impatience(seed, options)
  return why and "prune", why
end

--- For every live seed: advance where its gate passed (fossilize at HOLDING),
--- prune after `options.patience` epochs in its stage (a number, or one per
--- stage) or `options.max_errors` errors.
---@param view table
---@param options table  of M.options
---@return table[] actions
function M.advance(view, options)
  local actions = {}
  for _, seed in ipairs(view.slots) do
    local action, why
    if M.is_live(seed) then action, why = next_step(seed, options) end
    if action then
      actions[#actions + 1] = { slot = seed.name, seed = seed.seed,
                                action = action, why = why }
    end
  end
  return actions
end

--- The epoch of the latest outcome, of one slot if named; nil without any.
---@param view table
---@param slot string|nil
---@param outcome string|nil  "fossilized", "pruned"; nil: either
---@return number|nil
function M.last_outcome(view, slot, outcome)
  for i = #view.outcomes, 1, -1 do
    local entry = view.outcomes[i]
    if (not slot or entry.slot == slot) and
        (not outcome or entry.outcome == outcome) then
      return entry.epoch
    end
  end
end

local function is_free(seed, view, options)
  if seed.stage ~= "DORMANT" or (seed.embargo_left or 0) > 0 then
    return false
  end
  local pruned = M.last_outcome(view, seed.name, "pruned")
  return not pruned or view.epoch - pruned >= options.embargo
end

--- The dormant seeds that may be planted now, in order: as many as
--- `options.max_live` leaves room for.
---@param view table
---@param options table  of M.options
---@return table[] entries of view.slots
function M.free(view, options)
  local room, result = options.max_live, {}
  for _, seed in ipairs(view.slots) do
    if M.is_live(seed) then room = room - 1 end
  end
  for _, seed in ipairs(view.slots) do
    if #result >= room then break end
    if is_free(seed, view, options) then result[#result + 1] = seed end
  end
  return result
end

--- The action that plants a blueprint.
---@param seed table       an entry of view.slots
---@param blueprint string
---@param why string|nil
---@return table action
function M.plant(seed, blueprint, why)
  return { slot = seed.name, seed = seed.seed, action = "germinate",
           blueprint = blueprint, why = why }
end

local function least(list, first, last)
  local best = math.huge
  for i = first, last do
    if list[i] < best then best = list[i] end  -- false for NaN
  end
  return best
end

--- Whether the validation loss stalls: the best of the last `epochs` is not
--- below the best before them by `min_delta`. Not while there are no more
--- than `epochs`.
---@param view table
---@param epochs integer
---@param min_delta number
---@return boolean
function M.stalled(view, epochs, min_delta)
  local losses = view.host.valid_losses or {}
  local n = #losses
  if n <= epochs then return false end
  local before, lately = least(losses, 1, n - epochs),
    least(losses, n - epochs + 1, n)
  return lately >= before - min_delta
end

return M
