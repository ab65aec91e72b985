-- Plants when the validation loss has stalled.
--
-- The stabilisation latch: nothing is planted before the loss has once fallen
-- by less than `stable_below` of itself in each of `stable_epochs` epochs in a
-- row, so that the fast first epochs are the host's own. Afterwards a slot is
-- planted when the best loss of the last `stall_epochs` epochs is not better
-- than before by `min_delta`, and as many epochs have passed since a seed was
-- last fossilized or pruned. A slot is left alone for `embargo` epochs after a
-- pruning there. A pruned blueprint gets a penalty, which shrinks to
-- `penalty_decay` of itself with each epoch; the one with the least is planted
-- (the first of equals), none above `max_penalty`.

local policy = { name = "plateau", version = 1 }

local defaults = {
  stable_below = 0.1, stable_epochs = 2,
  stall_epochs = 3, min_delta = 0.001,
  embargo = 5,
  penalty = 2, penalty_decay = 0.8, max_penalty = 3,
}

function policy.init(config)
  life.options(config, defaults)  -- refuses unknown names
  return { config = config, stable = false }
end

local function is_stable(losses, options)
  local n = #losses
  if n <= options.stable_epochs then return false end
  for i = n - options.stable_epochs + 1, n do
    local fall = (losses[i - 1] - losses[i]) / math.abs(losses[i - 1])
    local is_small = fall < options.stable_below  -- false for NaN
    if not is_small then return false end
  end
  return true
end

local function is_settled(view, options)
  local last = life.last_outcome(view)
  return not last or view.epoch - last >= options.stall_epochs
end

local function penalty_of(blueprint, view, options)
  local sum = 0
  for _, outcome in ipairs(view.outcomes) do
    if outcome.blueprint == blueprint and outcome.outcome == "pruned" then
      local age = view.epoch - outcome.epoch
      sum = sum + options.penalty * options.penalty_decay ^ age
    end
  end
  return sum
end

local function choose(view, options)
  local best, least
  for _, name in ipairs(view.blueprints) do
    local penalty = penalty_of(name, view, options)
    if penalty <= options.max_penalty and (not best or penalty < least) then
      best, least = name, penalty
    end
  end
  return best
end

function policy.decide(state, view)
  local options = life.options(state.config, defaults)
  local actions = life.advance(view, options)
  local losses = view.host.valid_losses or {}
  state.stable = state.stable or is_stable(losses, options)
  if not state.stable or not is_settled(view, options) or
      not life.stalled(view, options.stall_epochs, options.min_delta) then
    return actions
  end
  for _, seed in ipairs(life.free(view, options)) do
    local blueprint = choose(view, options)
    if blueprint then
      table.insert(actions, life.plant(seed, blueprint,
        ("no better for %d epochs"):format(options.stall_epochs)))
    end
  end
  return actions
end

return policy
