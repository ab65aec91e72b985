-- What may happen to seeds, in random operations.

local gardens = require "support.garden"
local moon = require "moonseed"
local stage = require "moonseed.seed.stage"
local task = require "support.task"
-- --- 10,000 operations -----------------------------------------------------

local actions = { "germinate", "advance", "advance", "advance", "prune",
                  "fossilize", "retarget" }
local blueprints = { "noop", "norm", "conv_small" }
local kinds = { "add", "multiply", "gate" }

-- Not moonseed's generator: whether that moves is a question here.
local function one_of(list) return list[math.random(#list)] end

local function random_action(s)
  local name = one_of(actions)
  return { slot = s.slot.name, seed = s.index, action = name,
           blueprint = name == "germinate" and one_of(blueprints) or nil,
           kind = name == "germinate" and one_of(kinds) or nil,
           target = name == "retarget" and one_of{ 0, 0.5, 1, 2 } or nil,
           force = math.random() < 0.5 or nil }
end

-- A rare end: fossils never go away again, and soon nothing would be left.
local function is_too_final(action)
  local last = action.action == "fossilize" or action.action == "advance"
  return last and math.random() < 0.97
end

local function act(garden, model, s)
  local action = random_action(s)
  if s:stage() == "HOLDING" and is_too_final(action) then return end
  local before, n = gardens.state(garden, model), #s:history()
  local ok = pcall(garden.apply, garden, { action })
  if not ok then
    assert.equal(before, gardens.state(garden, model))
  else
    assert.equal(n + 1, #s:history())
  end
end

local function recount(garden, told)
  local n = 0
  for _, s in ipairs(garden:seeds()) do
    local at = "DORMANT"
    for _, event in ipairs(s:history()) do
      assert.equal(at, event.from)
      assert.is_true(stage.may(event.from, event.stage))
      at = event.stage
    end
    assert.equal(at, s:stage())
    assert.equal(#s:history(), s.changes)
    n = n + s.changes
  end
  assert.equal(n, told)
end

local function check_outcomes(garden)
  local ended = { FOSSILIZED = 0, PRUNED = 0 }
  for _, s in ipairs(garden:seeds()) do
    for _, event in ipairs(s:history()) do
      if ended[event.stage] then
        ended[event.stage] = ended[event.stage] + 1
      end
    end
  end
  local kept = { fossilized = 0, pruned = 0 }
  for _, outcome in ipairs(garden.outcomes) do
    kept[outcome.outcome] = kept[outcome.outcome] + 1
  end
  assert.equal(ended.FOSSILIZED, kept.fossilized)
  assert.equal(math.min(ended.PRUNED, 1000 - kept.fossilized), kept.pruned)
end

-- Epochs from one event to the next of a seed.
local function check_rests(garden)
  local rests = 0
  for _, s in ipairs(garden:seeds()) do
    local past = s:history()
    for i = 1, #past - 1 do
      local epochs = past[i + 1].epoch - past[i].epoch
      if past[i].stage == "EMBARGOED" then
        assert.equal(5, epochs)
        rests = rests + 1
      elseif past[i].stage == "RESETTING" or past[i].stage == "PRUNED" then
        assert.equal(1, epochs)
      end
    end
  end
  return rests
end

describe("in 10,000 random operations", function()
  it("only transitions of the table happen, and what raises changes nothing",
     task(function()
    math.randomseed(4)
    local told = 0
    local garden, model = gardens.tiny(function(event)
      if event.kind == "stage" then told = told + 1 end
    end)
    local x, fossils = moon.randn(2, 1, 2, 2), {}
    for i = 1, 10000 do
      local dice = math.random(20)
      if dice == 1 then
        model(x)
        garden:step{ y = moon.tensor({ 0, 2 }, { dtype = "i64" }) }
      elseif dice <= 5 then
        garden:step{}
      elseif dice <= 8 then
        local valid = garden.valid  -- nothing need be measured here
        garden.valid = nil
        garden:epoch()
        garden.valid = valid
      else
        act(garden, model, one_of(garden:seeds()))
      end
      for _, s in ipairs(garden:seeds()) do
        if fossils[s] then
          assert.equal("FOSSILIZED", s:stage())
          assert.equal(fossils[s], s:alpha())
          assert.is_not_nil(s.module)
        elseif s:stage() == "FOSSILIZED" then
          fossils[s] = s:alpha()
        end
      end
      if i % 2000 == 0 then recount(garden, told) end
    end
    recount(garden, told)
    check_outcomes(garden)
    assert.is_true(check_rests(garden) > 20)
    assert.is_not_nil(next(fossils))
    garden:close()
  end))
end)
