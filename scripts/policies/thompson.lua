-- A bandit over blueprints: Thompson sampling (Agrawal and Goyal
-- 2012). Plants in every free slot; what counts as a reward is said at
-- `bandit`.

local policy = { name = "thompson", version = 1 }

local defaults = {}

function policy.init(config)
  bandit.options(config, defaults)  -- refuses unknown names
  return { config = config }
end

function policy.decide(state, view)
  local options = bandit.options(state.config, defaults)
  local actions = life.advance(view, options)
  return bandit.plant(actions, view, options, bandit.thompson)
end

return policy
