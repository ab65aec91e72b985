-- Plants any blueprint at any time: the control that says what choosing well
-- is worth. Seeds live as under the other policies.

local policy = { name = "random", version = 1 }

local defaults = { probability = 0.25 }  -- of planting in a free slot

function policy.init(config)
  life.options(config, defaults)  -- refuses unknown names
  return { config = config }
end

function policy.decide(state, view)
  local options = life.options(state.config, defaults)
  local actions = life.advance(view, options)
  for _, seed in ipairs(life.free(view, options)) do
    if #view.blueprints > 0 and math.random() < options.probability then
      local blueprint = view.blueprints[math.random(#view.blueprints)]
      table.insert(actions, life.plant(seed, blueprint, "at random"))
    end
  end
  return actions
end

return policy
