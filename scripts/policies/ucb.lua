-- A bandit over blueprints: UCB1 (Auer, Cesa-Bianchi and Fischer 2002).
-- Plants in every free slot; what counts as a reward is said at `bandit`.

local policy = { name = "ucb", version = 1 }

-- The paper has exploration = 1; a run has far fewer plantings than its proofs.
local defaults = { exploration = 0.5 }

function policy.init(config)
  bandit.options(config, defaults)  -- refuses unknown names
  return { config = config }
end

function policy.decide(state, view)
  local options = bandit.options(state.config, defaults)
  local actions = life.advance(view, options)
  return bandit.plant(actions, view, options, bandit.ucb)
end

return policy
