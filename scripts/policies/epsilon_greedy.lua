-- A bandit over blueprints: the best mean or, with probability `epsilon`, any.
-- Plants in every free slot; what counts as a reward is said at `bandit`.

local policy = { name = "epsilon_greedy", version = 1 }

local defaults = { epsilon = 0.1 }

function policy.init(config)
  bandit.options(config, defaults)  -- refuses unknown names
  return { config = config }
end

function policy.decide(state, view)
  local options = bandit.options(state.config, defaults)
  local actions = life.advance(view, options)
  return bandit.plant(actions, view, options, bandit.epsilon_greedy)
end

return policy
