local life = require "moonseed.seed.policy.life"

local function view(slots, changes)
  local result = { epoch = 20, host = {}, outcomes = {}, slots = slots,
                   blueprints = {} }
  for name, value in pairs(changes or {}) do result[name] = value end
  return result
end

local options = life.options()

-- The action for one seed, and why.
local function action(seed, given)
  seed.name, seed.seed = "early", 1
  local actions = life.advance(view{ seed }, given or options)
  assert.is_true(#actions <= 1)
  if actions[1] then return actions[1].action, actions[1].why end
end

describe("life.advance", function()
  it("advances a seed whose gate passed", function()
    for _, stage in ipairs{ "GERMINATED", "TRAINING", "BLENDING" } do
      assert.equal("advance", (action{ stage = stage, gate_passed = true }))
    end
  end)

  it("fossilizes at HOLDING when the gate passed", function()
    local what, why = action{ stage = "HOLDING", gate = "G5",
                              gate_passed = true }
    assert.equal("fossilize", what)
    assert.equal("G5 passed", why)
  end)

  it("leaves a seed alone while it has time", function()
    assert.is_nil(action{ stage = "TRAINING", age_epochs = 9 })
    assert.is_nil(action{ stage = "HOLDING" })
  end)

  it("prunes a seed that fails its gate for too long", function()
    local what, why = action{ stage = "TRAINING", age_epochs = 10,
      gate = "G2", gate_passed = false, gate_failed = { "improvement", "age" } }
    assert.equal("prune", what)
    assert.equal("10 epochs in TRAINING, G2 failed: improvement, age", why)
  end)

  it("prunes a seed with errors, whatever its gate says", function()
    local what, why = action{ stage = "BLENDING", errors = 2,
                              gate_passed = true }
    assert.equal("prune", what)
    assert.equal("2 errors", why)
  end)

  it("takes one patience for all stages", function()
    local given = life.options{ patience = 2 }
    assert.equal("prune", (action({ stage = "HOLDING", age_epochs = 2 },
                                  given)))
  end)

  it("does nothing about seeds that do not grow", function()
    for _, stage in ipairs{ "DORMANT", "FOSSILIZED", "PRUNED", "EMBARGOED",
                            "RESETTING" } do
      assert.is_nil(action{ stage = stage, age_epochs = 99,
                            gate_passed = true })
    end
  end)
end)

describe("life.free", function()
  local function names(slots, config, changes)
    local list = {}
    local given = life.options(config)
    for i, slot in ipairs(life.free(view(slots, changes), given)) do
      list[i] = slot.name
    end
    return table.concat(list, " ")
  end

  it("gives dormant slots, as many as may live", function()
    local slots = { { name = "a", stage = "DORMANT" },
                    { name = "b", stage = "TRAINING" },
                    { name = "c", stage = "DORMANT" },
                    { name = "d", stage = "DORMANT" } }
    assert.equal("", names(slots))
    assert.equal("a", names(slots, { max_live = 2 }))
    assert.equal("a c", names(slots, { max_live = 3 }))
  end)

  it("passes over slots under an embargo", function()
    local slots = { { name = "a", stage = "DORMANT", embargo_left = 1 },
                    { name = "b", stage = "DORMANT" },
                    { name = "c", stage = "DORMANT" } }
    assert.equal("b", names(slots))
    assert.equal("c", names(slots, { embargo = 5 }, { outcomes = {
      { slot = "b", outcome = "pruned", epoch = 16 } } }))
    assert.equal("b", names(slots, { embargo = 5 }, { outcomes = {
      { slot = "b", outcome = "pruned", epoch = 15 } } }))
  end)
end)

describe("life.stalled", function()
  local function stalled(losses)
    return life.stalled({ host = { valid_losses = losses } }, 2, 0.1)
  end

  it("compares the best of the last epochs with the best before", function()
    assert.is_true(stalled{ 1, 2, 0.95 })
    assert.is_false(stalled{ 1, 2, 0.8 })
    assert.is_false(stalled{ 1, 0.8, 2 })
    assert.is_true(stalled{ 0.5, 1, 0.8, 0.6 })
  end)

  it("needs more epochs than it compares", function()
    assert.is_false(stalled{ 1, 1 })
    assert.is_false(stalled())
  end)

  it("is so with a loss that is NaN throughout", function()
    assert.is_true(stalled{ 1, 0 / 0, 0 / 0 })
  end)
end)

describe("life.options", function()
  it("puts config over the policy's defaults over life's", function()
    local given = life.options({ max_live = 2 }, { max_live = 3, mine = 4 })
    assert.equal(2, given.max_live)
    assert.equal(4, given.mine)
    assert.equal(0, given.max_errors)
  end)

  it("refuses unknown names and other types", function()
    assert.error_matches(function() life.options{ live = 2 } end,
      "no option 'live' %(known: embargo, max_errors, max_live, patience%)")
    assert.error_matches(function() life.options{ max_live = "2" } end,
                         "max_live is a number, not a string")
  end)
end)
