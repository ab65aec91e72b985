-- Events as lines, and the table at the end of a run.
local columns = require "moonseed.seed.columns"
local gardens = require "support.garden"
local task = require "support.task"
local text = require "moonseed.seed.text"

local function lines_of(s)
  local list = {}
  for line in (s .. "\n"):gmatch "(.-)\n" do list[#list + 1] = line end
  return list
end

describe("text.event", function()
  it("says when, where, what and why", function()
    assert.equal(
      "    1,500  epoch 2    early/1     planted conv_light: a plateau",
      text.event{ kind = "germinated", step = 1500, epoch = 2, slot = "early",
                  seed = 1, blueprint = "conv_light", why = "a plateau" })
  end)

  it("names the stages of a transition", function()
    assert.matches("early/2     training %-> blending: G2 passed",
                   text.event{ kind = "advanced", step = 1, slot = "early",
                               seed = 2, from = "TRAINING", to = "BLENDING",
                               why = "G2 passed" })
  end)

  it("has words for a garden's transitions", function()
    local function says(pattern, event)
      event.kind, event.blueprint = "stage", "norm"
      assert.matches(pattern, text.event(event))
    end
    says("  planted norm$", { from = "DORMANT", stage = "GERMINATED" })
    says("  training %-> blending norm$",
         { from = "TRAINING", stage = "BLENDING" })
    says("  fossilized norm %(forced%): why$",
         { from = "HOLDING", stage = "FOSSILIZED", forced = true,
           why = "why" })
    says("  pruned norm$", { from = "BLENDING", stage = "PRUNED" })
  end)

  it("has words for every kind", function()
    local function says(pattern, event)
      assert.matches(pattern, text.event(event))
    end
    says("pruned norm: why$", { kind = "pruned", blueprint = "norm",
                                why = "why" })
    says("fossilized norm$", { kind = "fossilized", blueprint = "norm" })
    says("FAILED: why$", { kind = "failed", why = "why" })
    says("ROLLED BACK to step 1,200$", { kind = "rolled_back", to = 1200 })
    says("policy reloaded plateau.lua version 2$",
         { kind = "policy_reloaded", path = "a/b/plateau.lua", version = 2 })
    says("something new$", { kind = "something_new" })
  end)

  it("is one line", function()
    local line = text.event{ kind = "failed", why = "a\nb\n\n  c" }
    assert.is_nil(line:find "\n")
    assert.matches("FAILED: a b c$", line)
  end)

  it("needs a kind", function()
    assert.error_matches(function() text.event{ step = 1 } end,
                         "event: kind is a string, not nothing")
  end)
end)

describe("text.table", function()
  local rows = {
    { slot = "early", seed = 1, blueprint = "conv_light", planted_at = 1500,
      stage = "FOSSILIZED", contribution = 0.01236, parameters = 9248,
      flops = 1812992 },
    { slot = "late", seed = 12, blueprint = "norm", planted_at = 20000,
      stage = "PRUNED", contribution = -0.2 },
  }

  it("has a row per seed, numbers to the right", function()
    assert.equal([[
                         planted              accuracy   para-      FLOPs
slot   seed  blueprint   at step  stage         points  meters  per image
-------------------------------------------------------------------------
early  1     conv_light    1,500  fossilized     +1.24   9,248     1.81 M
late   12    norm         20,000  pruned        -20.00       -          -]],
      text.table(rows, { ascii = true }))
  end)

  it("prints what was not measured as -", function()
    local line = lines_of(text.table{ { slot = "s" } })[4]
    assert.matches("^s +%- +%- +%- +%- +%- +%- +%-$", line)
  end)

  it("does not take NaN for a number", function()
    local line = lines_of(text.table{ { contribution = 0 / 0 } })[4]
    assert.matches("nan", line)
    assert.is_nil(line:find "[+]")
  end)

  it("fits 80 columns, whatever the names", function()
    local wide = {
      slot = ("s"):rep(50), seed = 3, blueprint = ("ü"):rep(50),
      planted_at = 123456789, stage = "GERMINATED", contribution = -1,
      parameters = 12345678901, flops = 1e15,
    }
    for _, ascii in ipairs{ true, false } do
      local out = text.table({ wide, rows[1] }, { ascii = ascii })
      for i, line in ipairs(lines_of(out)) do
        assert.is_true(columns.width(line) <= 80, i)
      end
      assert.matches("12,345,678,901", out)
      assert.equal(ascii, not out:find "…")
    end
  end)

  it("has a head without rows", function()
    assert.equal(3, #lines_of(text.table{}))
  end)
end)

describe("a slot as text", function()
  it("says what grows in it", task(function()
    local garden, model = gardens.tiny()
    local slot = garden:slot "early"
    assert.equal("Slot early: DORMANT, DORMANT", tostring(slot))
    slot:germinate("norm", { seed = 2 })
    assert.equal("Slot early: DORMANT, GERMINATED norm", tostring(slot))
    for _ = 1, 2 do slot:advance{ force = true, seed = 2 } end
    slot:seed(2):set_alpha(0.25)
    assert.matches("Slot early: DORMANT, BLENDING norm, alpha 0.25",
                   tostring(model))
    garden:close()
  end))
end)
