-- Plans: several edits, whole or not at all.

local gardens = require "support.garden"
local moon = require "moonseed"
local task = require "support.task"
local nn, seed = moon.nn, moon.seed

local function fails(pattern, fn, ...)
  local ok, why = pcall(fn, ...)
  assert.is_false(ok)
  assert.matches(pattern, why)
end

-- Others go on while it is built.
seed.blueprint("thoughtful", { build = function()
  moon.sleep(1)
  return nn.Dropout{ 0.1 }
end })

local function germinate(slot, index, blueprint)
  return { slot = slot, seed = index, action = "germinate",
           blueprint = blueprint or "conv_small" }
end

describe("a plan", function()
  local bad = {
    ["an unknown blueprint"] = { germinate("late", 1, "cactus"), "cactus" },
    ["an unknown slot"] = { germinate("nowhere", 1), "no slot 'nowhere'" },
    ["an unknown seed"] = { germinate("late", 3), "no seed 3" },
    ["an unknown action"] = { { slot = "late", action = "water" },
                              "no action 'water'" },
    ["an unknown field"] = { { slot = "late", action = "prune", when = 3 },
                             "when" },
    ["a stage that it is not in"] = { { slot = "late", action = "prune" },
                                      "PRUNED cannot follow DORMANT" },
    ["the same seed twice"] = { germinate("early", 1),
                                "actions 1 and 7 both edit early" },
    ["a target that is none"] = { { slot = "early", seed = 2,
                                    action = "retarget", target = 2 },
                                  "DORMANT has no other target" },
    ["no table"] = { 5, "action 7" },
  }
  -- A slot with a seed for every action, and the actions.
  local function busy()
    local garden, model = gardens.tiny(nil, seed.Slot{ "busy", seeds = 5 })
    local slot, plan = garden:slot "busy", {}
    for index = 1, 4 do
      slot:germinate("conv_small", { seed = index })
      for _ = 1, index - 1 do slot:advance{ force = true, seed = index } end
    end
    slot:germinate("norm", { seed = 5 })
    for index = 1, 3 do
      plan[index] = { slot = "busy", seed = index, action = "advance",
                      force = true }
    end
    plan[4] = { slot = "busy", seed = 4, action = "retarget", target = 0.5 }
    plan[5] = { slot = "busy", seed = 5, action = "prune" }
    return garden, model, plan
  end

  it("of every action is done whole", task(function()
    local garden, _, plan = busy()
    garden:apply(plan)
    local stages = {}
    for i, s in ipairs(garden:slot("busy"):seeds()) do stages[i] = s:stage() end
    assert.same({ "TRAINING", "BLENDING", "HOLDING", "BLENDING", "PRUNED" },
                stages)
  end))

  for what, case in pairs(bad) do
    it("with " .. what .. " does nothing", task(function()
      local garden, model, plan = busy()
      local before = gardens.state(garden, model)
      table.insert(plan, 1, germinate("early", 1))
      table.insert(plan, case[1])
      table.insert(plan, germinate("late", 2))
      fails(case[2], garden.apply, garden, plan)
      assert.equal(before, gardens.state(garden, model))
      fails(case[2], garden.diff, garden, plan)
      assert.equal(before, gardens.state(garden, model))
    end))
  end

  it("is done whole", task(function()
    local garden = gardens.tiny()
    garden:apply{ germinate("early", 1), germinate("late", 2, "norm") }
    garden:apply{ { slot = "early", action = "advance" },
                  { slot = "late", seed = 2, action = "prune", why = "no" },
                  germinate("early", 2) }
    assert.equal("TRAINING", garden:slot("early"):stage())
    assert.equal("GERMINATED", garden:slot("early"):stage(2))
    assert.equal("PRUNED", garden:slot("late"):stage(2))
    assert.equal("no", garden:slot("late"):history(2)[2].why)
  end))

  it("is told in lines, and that changes nothing", task(function()
    local garden, model = gardens.tiny()
    garden:apply{ germinate("early", 1) }
    local before = gardens.state(garden, model)
    local text = garden:diff{ { slot = "early", action = "advance" },
                              germinate("late", 2) }
    assert.equal(before, gardens.state(garden, model))
    assert.matches("^early: GERMINATED %-> TRAINING\n"
                   .. "late/2: DORMANT %-> GERMINATED %(conv_small, 38 param",
                   text)
  end))

  it("is told of when all is done, and a listener cannot stop it",
     task(function()
    local garden, seen
    garden = gardens.tiny(function()
      seen = seen or garden:slot("late"):stage()
      error "deaf"
    end)
    fails("deaf", garden.apply, garden, { germinate("early", 1),
                                          germinate("late", 1) })
    assert.equal("GERMINATED", seen)
    assert.equal("GERMINATED", garden:slot("early"):stage())
  end))

  it("is refused where a seed has changed while it was prepared",
     task(function()
    local garden = gardens.tiny()
    local results = {}
    local function plant()
      return function()
        local ok, why = pcall(garden.apply, garden,
                              { germinate("early", 1, "thoughtful") })
        results[ok and "done" or "refused"] = why or "well"
        if ok then results.module = garden:slot("early"):seed().module end
      end
    end
    moon.gather(plant(), plant())
    assert.equal("well", results.done)
    assert.matches("early has changed meanwhile, it is GERMINATED",
                   results.refused)
    assert.equal(results.module, garden:slot("early"):seed().module)
    assert.equal(1, #garden:slot("early"):history())
  end))
end)
