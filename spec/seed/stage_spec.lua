local stage = require "moonseed.seed.stage"

local allowed = {
  { "DORMANT", "GERMINATED" }, { "GERMINATED", "TRAINING" },
  { "TRAINING", "BLENDING" }, { "BLENDING", "HOLDING" },
  { "HOLDING", "FOSSILIZED" }, { "HOLDING", "BLENDING" },
  { "GERMINATED", "PRUNED" }, { "TRAINING", "PRUNED" },
  { "BLENDING", "PRUNED" }, { "HOLDING", "PRUNED" },
  { "PRUNED", "EMBARGOED" }, { "EMBARGOED", "RESETTING" },
  { "RESETTING", "DORMANT" },
}

local function is_allowed(from, to)
  for _, pair in ipairs(allowed) do
    if pair[1] == from and pair[2] == to then return true end
  end
  return false
end

describe("a stage", function()
  it("is followed by those of the table and no other", function()
    for _, from in pairs(stage.names) do
      for _, to in pairs(stage.names) do
        assert.equal(is_allowed(from, to), stage.may(from, to),
                     from .. " -> " .. to)
      end
    end
  end)

  it("names what may follow in the error", function()
    assert.has_error(function()
      stage.check("early", "TRAINING", "FOSSILIZED")
    end, "early: FOSSILIZED cannot follow TRAINING (BLENDING, PRUNED can)")
    assert.has_error(function()
      stage.check("early", "FOSSILIZED", "PRUNED")
    end, "early: PRUNED cannot follow FOSSILIZED (nothing does)")
  end)

  it("has the number that the core keeps", function()
    for number, name in pairs(stage.names) do
      assert.equal(number, stage.number[name])
    end
  end)
end)
