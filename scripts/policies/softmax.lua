-- A bandit over blueprints: Boltzmann, with probabilities in proportion to
-- exp(mean / temperature). Plants in every free slot; what counts as a reward
-- is said at `bandit`.

local policy = { name = "softmax", version = 1 }

local defaults = { temperature = 0.1 }

function policy.init(config)
  bandit.options(config, defaults)  -- refuses unknown names
  return { config = config }
end

function policy.decide(state, view)
  local options = bandit.options(state.config, defaults)
  local actions = life.advance(view, options)
  return bandit.plant(actions, view, options, bandit.softmax)
end

return policy
