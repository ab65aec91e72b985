-- Swim lanes: which stage a column shows, the alpha curve, the width.
local columns = require "moonseed.seed.columns"
local lanes = require "moonseed.seed.lanes"

local function lines_of(s)
  local list = {}
  for line in (s .. "\n"):gmatch "(.-)\n" do list[#list + 1] = line end
  return list
end

-- "step STAGE alpha, ..." as a history.
local function history(s)
  local list = {}
  for step, stage, alpha in s:gmatch "(%d+) (%u+) ?([%d.]*)" do
    list[#list + 1] = { step = tonumber(step), stage = stage,
                        alpha = tonumber(alpha) }
  end
  return list
end

-- The lines of one seed, in ASCII, without their labels.
local function draw(s, last_step)
  local out = lanes.draw({
    slots = { { name = "s", seed = 1, history = history(s) } },
    last_step = last_step,
  }, { ascii = true })
  local list = lines_of(out)
  for i, line in ipairs(list) do list[i] = line:sub(9) end
  return list
end

describe("lanes.draw", function()
  it("shows a step a column where they fit", function()
    local s = "2 GERMINATED 0, 3 TRAINING 0, 6 BLENDING 0, 10 HOLDING 1, "
      .. "12 FOSSILIZED 1"
    local lines = draw(s, 14)
    assert.equal("..GtttbbbbHHFFF", lines[1])
    assert.equal("       257#####", lines[2])
    assert.equal("0       step 14", lines[3])
  end)

  it("shows what fills most of a column", function()
    -- 720 steps in 72 columns of 10.
    local lines = draw("4 TRAINING, 16 BLENDING 0.5, 700 HOLDING 0.5", 719)
    assert.equal("tt" .. ("b"):rep(68) .. "HH", lines[1])
  end)

  it("always shows a planting, a pruning and a fossil", function()
    local s = "5 GERMINATED, 6 TRAINING, 25 PRUNED, 25 EMBARGOED, "
      .. "40 RESETTING, 60 DORMANT, 60 GERMINATED, 60 TRAINING, "
      .. "80 BLENDING 0, 719 FOSSILIZED 1"
    local lane = draw(s, 719)[1]
    assert.equal("GtX-rrGt" .. ("b"):rep(63) .. "F", lane)
  end)

  it("does not show what was over before a column", function()
    assert.equal("G" .. ("t"):rep(71),
                 draw("0 GERMINATED, 10 TRAINING", 719)[1])
    assert.equal(("t"):rep(10), draw("0 TRAINING", 9)[1])
  end)

  it("draws alpha straight between what is known, where it blends",
     function()
       assert.equal("  12344444",
                    draw("1 BLENDING 0, 5 HOLDING 0.4", 9)[2])
     end)

  it("does not draw a fall before a pruning", function()
    local lines = draw("0 BLENDING 0.6, 5 PRUNED 0, 6 EMBARGOED 0", 9)
    assert.equal("bbbbbX----", lines[1])
    assert.equal("66666", lines[2])
  end)

  it("has no alpha where nothing blended", function()
    local lines = draw("0 TRAINING 0", 9)
    assert.equal("0   step 9", lines[2])
  end)

  it("draws alpha in sixteen levels of blocks", function()
    local out = lines_of(lanes.draw{
      slots = { { name = "s", seed = 1, history = history
        "0 BLENDING 0, 1 BLENDING 0.0625, 2 BLENDING 0.5, 3 HOLDING 1" } },
      last_step = 3 })
    assert.equal("s/1     ░░░▒", out[1])
    assert.equal("           █", out[2])
    assert.equal("  alpha  ▁██", out[3])
  end)

  it("lists the stages that occur", function()
    local out = draw("3 TRAINING", 9)
    assert.equal(3, #out)
    local whole = lanes.draw({ slots = { { name = "s", seed = 1,
      history = history "3 TRAINING" } }, last_step = 9 }, { ascii = true })
    assert.matches("\n. dormant  t training$", whole)
  end)

  it("fits 80 columns for any run", function()
    local names = { "DORMANT", "GERMINATED", "TRAINING", "BLENDING", "HOLDING",
                    "FOSSILIZED", "PRUNED", "EMBARGOED", "RESETTING" }
    math.randomseed(3)
    for _, last in ipairs{ 0, 1, 71, 72, 73, 1000, 999999, 123456789 } do
      local slots = {}
      for i, name in ipairs{ "s", "a name much longer than a lane's label" } do
        local list, step = {}, 0
        for k = 1, 60 do
          list[k] = { step = step, stage = names[math.random(#names)],
                      alpha = math.random() }
          step = step + math.random(0, math.ceil(last / 30))
        end
        slots[i] = { name = name, seed = i, history = list }
      end
      for _, ascii in ipairs{ true, false } do
        local out = lanes.draw({ slots = slots, last_step = last },
                               { ascii = ascii })
        for _, line in ipairs(lines_of(out)) do
          assert.is_true(columns.width(line) <= 80, line)
        end
        assert.equal(ascii, not out:find "[\128-\255]")
      end
    end
  end)

  it("gives every lane the same columns", function()
    local run = { slots = {
      { name = "a", seed = 1, history = history "0 TRAINING" },
      { name = "b", seed = 10, history = {} } }, last_step = 5000 }
    for _, line in ipairs(lines_of(lanes.draw(run))) do
      if line:find "^[ab]/" then assert.equal(80, columns.width(line)) end
    end
  end)

  it("draws slots as they are, a blending one up to its alpha of now",
     function()
       local past = history "2 GERMINATED 0, 3 TRAINING 0, 4 BLENDING 0"
       local seed = { index = 2, history = function() return past end,
                      stage = function() return "BLENDING" end,
                      alpha = function() return 0.5 end }
       local slot = { name = "s", seeds = function() return { seed } end }
       local out = lanes.draw(lanes.of({ slot }, 9), { ascii = true })
       assert.matches("^s/2     %.%.Gtbbbbbb\n  alpha      12345\n", out)
       assert.equal(3, #past)
     end)

  it("draws nothing without slots", function()
    assert.equal("", lanes.draw{ slots = {}, last_step = 10 })
  end)

  it("refuses a stage that there is not", function()
    assert.error_matches(function() draw("0 BLOOMING", 9) end,
                         "lanes: slot s, seed 1: no stage 'BLOOMING'")
  end)
end)
