local policy = require "support.policy"
local task = require "support.task"
local Host = require "moonseed.seed.policy.host"
local random = require "moonseed.seed.policy.random"

local hosts = {}

local function start(name, config, rng_seed)
  local failures = {}
  local host = Host.start{ path = "scripts/policies/" .. name .. ".lua",
    config = config or {}, rng_seed = rng_seed or 1, watch = false,
    on_event = function(e) failures[#failures + 1] = e.why end }
  hosts[#hosts + 1] = host
  return host
end

local function ask(host, view)
  local actions, why = policy.ask(host, view)
  return assert(actions, why)
end

local after = { GERMINATED = "TRAINING", TRAINING = "BLENDING",
                BLENDING = "HOLDING" }

-- Applies an action to a slot as a garden would; what ends is an outcome.
local function apply(view, slot, action)
  slot.age_epochs = 0
  if action.action == "germinate" then
    assert.equal("DORMANT", slot.stage)
    slot.stage, slot.blueprint = "GERMINATED", action.blueprint
  elseif action.action == "advance" then
    slot.stage = assert(after[slot.stage])
  else
    local fossil = action.action == "fossilize"
    if fossil then assert.equal("HOLDING", slot.stage) end
    slot.stage = fossil and "FOSSILIZED" or "PRUNED"
    table.insert(view.outcomes, { slot = slot.name, epoch = view.epoch,
      blueprint = slot.blueprint, contribution = fossil and 0.5 or nil,
      outcome = fossil and "fossilized" or "pruned" })
  end
end

-- Epochs of a training whose loss stalls at once; the stages that the first
-- slot goes through.
local function live(host, epochs, gate_passed)
  local view = policy.view{ epoch = 0, slots = {
    { name = "early", seed = 1, stage = "DORMANT", age_epochs = 0 } } }
  local slot, stages = view.slots[1], {}
  for epoch = 1, epochs do
    view.epoch, view.host.valid_losses[epoch] = epoch, 1
    slot.age_epochs, slot.gate_passed = slot.age_epochs + 1, gate_passed
    local action = ask(host, view)[1]
    if action then
      apply(view, slot, action)
      stages[#stages + 1] = slot.stage
    end
  end
  return table.concat(stages, " "), view
end

local growing = { plateau = {}, ucb = {}, thompson = {}, epsilon_greedy = {},
  softmax = {}, random = {}, fixed = { schedule = {
    { epoch = 2, slot = "early", action = "germinate", blueprint = "mlp" } } } }

after_each(function()
  for _, host in ipairs(hosts) do host:close() end
  hosts = {}
end)

for name, config in pairs(growing) do
  describe(name, function()
    it("leads a seed to its fossil", task(function()
      assert.equal("GERMINATED TRAINING BLENDING HOLDING FOSSILIZED",
                   (live(start(name, config), 60, true)))
    end))

    it("prunes a seed that never passes its gate", task(function()
      assert.equal("GERMINATED PRUNED",
                   (live(start(name, config), 60, false)))
    end))

    it("does nothing where nothing is viable", task(function()
      local host = start(name)
      local losses = { 1, 1, 1, 1, 1, 1, 1, 1, 1, 1 }
      for _ = 1, 5 do
        assert.same({}, ask(host, policy.view{ blueprints = {},
          host = { valid_losses = losses } }))
      end
    end))

    it("refuses an option that it does not know", task(function()
      assert.error_matches(function() start(name, { colour = 1 }) end,
                           "no option 'colour'")
    end))
  end)
end

describe("off", function()
  it("does nothing", task(function()
    assert.equal("", (live(start "off", 20, true)))
  end))
end)

-- Each pull plants an arm, which ends at once with a reward of mean 0.2, 0.5
-- or 0.8 and noise. The names of the arms that were chosen.
local function pull(host, n)
  local means = { norm = 0.2, conv_small = 0.8, mlp = 0.5 }
  local view, draw = policy.view(), random.generator(random.new(5))
  local chosen = {}
  for i = 1, n do
    local actions = ask(host, view)
    assert.equal(1, #actions)
    chosen[i] = actions[1].blueprint
    view.outcomes[i] = { slot = "early", blueprint = chosen[i], epoch = i,
      outcome = "fossilized",
      contribution = means[chosen[i]] + 0.4 * (draw() - 0.5) }
  end
  return chosen
end

for _, name in ipairs{ "ucb", "thompson", "epsilon_greedy", "softmax" } do
  describe(name, function()
    it("plants each arm once, then the best of three in 70% of 200 pulls",
       task(function()
      local chosen, n = pull(start(name), 200), 0
      assert.same({ "norm", "conv_small", "mlp" },
                  { chosen[1], chosen[2], chosen[3] })
      for _, arm in ipairs(chosen) do
        if arm == "conv_small" then n = n + 1 end
      end
      assert.is_true(n >= 140, n .. " of 200")
    end))

    it("chooses the same with the same rng_seed", task(function()
      assert.same(pull(start(name, {}, 3), 40), pull(start(name, {}, 3), 40))
    end))

    it("fills several slots with different arms", task(function()
      local actions = ask(start(name, { max_live = 2 }), policy.view())
      assert.equal("early norm late conv_small", ("%s %s %s %s"):format(
        actions[1].slot, actions[1].blueprint, actions[2].slot,
        actions[2].blueprint))
    end))
  end)
end

describe("plateau", function()
  local function planted(changes, config)
    local action = ask(start("plateau", config), policy.view(changes))[1]
    return action and action.blueprint
  end

  local flat = { valid_losses = { 1, 1, 1, 1, 1, 1, 1, 1, 1, 1 } }

  it("plants when the loss has stalled", task(function()
    assert.equal("norm", planted{ host = flat })
    assert.is_nil(planted{ host = { valid_losses =
      { 1, 0.97, 0.94, 0.91, 0.88, 0.85 } } })
  end))

  it("waits until the loss has once been stable, not longer", task(function()
    local host = start "plateau"
    local losses = { 4, 2, 1, 2, 4, 8 }
    losses[5] = -8  -- falls by three times itself
    assert.same({}, ask(host, policy.view{ host = { valid_losses = losses } }))
    ask(host, policy.view{ host = flat })
    losses = { 1, 2, 1, 2, 1, 1.2, 1 }
    assert.equal(1, #ask(host, policy.view{ host = {
      valid_losses = losses } }))
  end))

  it("waits after an outcome", task(function()
    local outcome = { slot = "late", blueprint = "mlp", epoch = 8,
                      outcome = "fossilized" }
    assert.is_nil(planted{ host = flat, outcomes = { outcome } })
    outcome.epoch = 7
    assert.equal("norm", planted{ host = flat, outcomes = { outcome } })
  end))

  it("plants what was pruned least, and least lately", task(function()
    local function outcomes(...)
      local list = {}
      for i, name in ipairs{ ... } do
        list[i] = { slot = "late", blueprint = name, epoch = i,
                    outcome = "pruned" }
      end
      return list
    end
    assert.equal("mlp", planted{ host = flat,
                                 outcomes = outcomes("norm", "conv_small") })
    assert.equal("mlp", planted{ host = flat,
      outcomes = outcomes("mlp", "norm", "conv_small") })
    assert.is_nil(planted({ host = flat,
      outcomes = outcomes("mlp", "norm", "conv_small") },
      { max_penalty = 0.1 }))
  end))
end)

describe("fixed", function()
  it("does each entry once, in its epoch", task(function()
    local host = start("fixed", { schedule_only = true, schedule = {
      { epoch = 11, slot = "late", action = "germinate", blueprint = "norm" },
      { epoch = 12, slot = "late", action = "prune" } } })
    local view = policy.view()
    assert.same({}, ask(host, view))
    view.epoch = 11
    assert.equal("germinate", ask(host, view)[1].action)
    assert.same({}, ask(host, view))
    view.epoch = 13
    assert.equal("prune", ask(host, view)[1].action)
    assert.same({}, ask(host, view))
  end))

  it("waits with a planting until the slot is free", task(function()
    local host = start("fixed", { schedule = { { epoch = 1, slot = "late",
      action = "germinate", blueprint = "norm" } } })
    local view = policy.view()
    view.slots[2].stage = "EMBARGOED"
    assert.same({}, ask(host, view))
    view.slots[2].stage = "DORMANT"
    assert.equal(1, #ask(host, view))
  end))

  it("puts an entry before what the seed would do", task(function()
    local host = start("fixed", { schedule = {
      { epoch = 1, slot = "late", action = "prune" } } })
    local view = policy.view()
    view.slots[2].stage, view.slots[2].gate_passed = "TRAINING", true
    local actions = ask(host, view)
    assert.equal(1, #actions)
    assert.equal("prune", actions[1].action)
  end))
end)

describe("random", function()
  it("plants any blueprint", task(function()
    local host, seen = start "random", {}
    for _ = 1, 100 do
      local action = ask(host, policy.view())[1]
      if action then seen[action.blueprint] = true end
    end
    assert.same({ norm = true, conv_small = true, mlp = true }, seen)
  end))
end)
