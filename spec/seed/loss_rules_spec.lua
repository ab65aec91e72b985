-- The rules over losses, by way of the governor's observe: what is bad, what
-- is a verdict, what the bounds are made of.
local Governor = require "moonseed.seed.governor"
local parts = require "moonseed.seed.parts"

local CHANCE = math.log(10)

local function governor(options)
  local o = { parts = { parts.plain{ {}, name = "nothing" } } }
  for name, value in pairs(options or {}) do o[name] = value end
  return Governor(o)
end

-- Observes the losses in turn; the verdicts by position.
local function verdicts(g, losses)
  local found, step = {}, g.step or 0
  for i, loss in ipairs(losses) do
    local verdict = g:observe{ step = step + i, loss = loss }
    if verdict then
      assert.equal(step + i, verdict.step)
      found[i] = verdict.rule
    end
  end
  return found
end

-- n losses around `level`, with a deviation of about 4% of it.
local function calm(level, n)
  local losses = {}
  for i = 1, n do
    losses[i] = level * (1 + 0.05 * math.sin(2.4 * i))
  end
  return losses
end

-- A governor that has seen 40 calm losses.
local function settled(level, options)
  local g = governor(options)
  assert.same({}, verdicts(g, calm(level, 40)))
  return g
end

describe("a loss that is not finite", function()
  it("is a verdict at once, also as the very first", function()
    for _, loss in ipairs{ 0 / 0, 1 / 0, -1 / 0 } do
      assert.same({ "non_finite" }, verdicts(governor(), { loss }))
      assert.same({ "non_finite" }, verdicts(settled(1), { loss }))
    end
  end)

  it("keeps the losses suspect until a healthy one", function()
    assert.same({ "non_finite", "ratio", nil, nil, nil, "ratio" },
                verdicts(settled(1), { 0 / 0, 9, 1, 9, 9, 9 }))
  end)
end)

describe("a spike", function()
  it("is ignored once and twice, three in a row are not", function()
    assert.same({}, verdicts(settled(1), { 9, 1, 9, 9, 1, 1, 9, 9, 1 }))
    assert.same({ [3] = "ratio" }, verdicts(settled(1), { 9, 9, 9, 1 }))
  end)

  it("counts whatever rule each of the three breaks", function()
    local g = settled(1, { classes = 10 })
    assert.same({ [3] = "sigma" }, verdicts(g, { 40, CHANCE, 1.5 }))
  end)

  it("does not enter the bounds it is judged by", function()
    local g = settled(1)
    for _ = 1, 200 do
      assert.same({}, verdicts(g, { 9, 9, 1 }))
    end
    assert.same({ [3] = "sigma" }, verdicts(g, { 1.5, 1.5, 1.5 }))
  end)

  it("is named with its numbers", function()
    local g = governor()
    verdicts(g, { 1, 2, 1, 2, 1, 2, 1, 2, 9, 9 })
    assert.equal("loss 8 is above 3 times the mean 1.5 (3 in a row)",
                 g:observe{ step = 11, loss = 8 }.text)
  end)
end)

describe("the absolute rule", function()
  it("needs no losses before it", function()
    assert.same({ [3] = "absolute" },
                verdicts(governor{ absolute = 4 }, { 5, 5, 5 }))
  end)

  it("is five times chance, given the classes, and else nothing", function()
    local above, below = 5.01 * CHANCE, 4.99 * CHANCE
    assert.same({ [3] = "absolute" },
                verdicts(governor{ classes = 10 }, { above, above, above }))
    assert.same({}, verdicts(governor{ classes = 10 },
                             { below, below, below }))
    assert.same({}, verdicts(governor(), { 1e9, 1e9, 1e9 }))
  end)
end)

describe("the ratio rule", function()
  it("compares with the mean of the healthy window", function()
    local options = { sigma = 1e9, ratio = 2 }
    assert.same({ [3] = "ratio" },
                verdicts(settled(1, options), { 2.1, 2.1, 2.1 }))
    assert.same({}, verdicts(settled(1, options), { 1.9, 1.9, 1.9 }))
  end)

  it("waits for enough healthy losses", function()
    local seven, eight = calm(1, 7), calm(1, 8)
    for _ = 1, 3 do
      seven[#seven + 1], eight[#eight + 1] = 50, 50
    end
    assert.same({}, verdicts(governor(), seven))
    assert.same({ [11] = "ratio" }, verdicts(governor(), eight))
  end)

  it("says nothing about means that are not above zero", function()
    local options = { sigma = 1e9, ratio = 2 }
    assert.same({}, verdicts(settled(-1, options), { -3, 5, 5, 5 }))
  end)
end)

describe("the sigma rule", function()
  -- Deviation of calm(1, 32) is about 0.036.
  it("is mean and deviations of the healthy window", function()
    assert.same({ [3] = "sigma" },
                verdicts(settled(1), { 1.3, 1.3, 1.3 }))
    assert.same({}, verdicts(settled(1), { 1.15, 1.15, 1.15 }))
    assert.same({}, verdicts(settled(1, { sigma = 9 }), { 1.3, 1.3, 1.3 }))
  end)

  it("follows a falling loss and a short window", function()
    local g = settled(4, { window = 8, ratio = 1e9 })
    verdicts(g, calm(1, 20))
    assert.same({ [3] = "sigma" }, verdicts(g, { 2, 2, 2 }))
  end)

  it("does not take rounding in a flat window for divergence", function()
    local g, flat = governor(), {}
    for i = 1, 40 do flat[i] = 1 end
    assert.same({}, verdicts(g, flat))
    assert.same({}, verdicts(g, { 1.01, 1.02, 1.01 }))
    g = governor()
    assert.same({}, verdicts(g, flat))
    assert.same({ [3] = "sigma" }, verdicts(g, { 1.07, 1.07, 1.07 }))
  end)
end)

describe("the collapse rule", function()
  local chance = { CHANCE, 1.01 * CHANCE, 0.99 * CHANCE }
  local blind = { classes = 10, sigma = 1e9, ratio = 1e9 }

  it("finds losses at chance after they were clearly below", function()
    assert.same({ [3] = "collapse" }, verdicts(settled(1, blind), chance))
  end)

  it("lets a model that has not learned be at chance", function()
    assert.same({}, verdicts(settled(CHANCE, blind), chance))
    assert.same({}, verdicts(settled(0.95 * CHANCE, blind), chance))
  end)

  it("says nothing about losses off chance, or without classes", function()
    local off = 1.03 * CHANCE
    assert.same({}, verdicts(settled(1, blind), { off, off, off }))
    assert.same({}, verdicts(settled(1, { sigma = 1e9, ratio = 1e9 }),
                             chance))
  end)

  it("finds a slow climb to chance too", function()
    local g = settled(1, blind)
    local losses = {}
    for i = 1, 60 do losses[i] = math.min(1 + 0.03 * i, CHANCE) end
    local first = math.ceil((0.98 * CHANCE - 1) / 0.03)
    assert.equal("collapse", verdicts(g, losses)[first + 2])
  end)
end)

describe("after a rollback", function()
  it("the rules start afresh", function()
    local g = governor{ confirm_after = 1 }
    g:mark(0)
    verdicts(g, calm(1, 40))
    verdicts(g, { 9, 9 })
    g:rollback()
    assert.same({}, verdicts(g, { 9, 9, 9, 9, 9 }))
  end)
end)

describe("Governor's thresholds", function()
  local function refused(text, options)
    local ok, why = pcall(governor, options)
    assert.is_false(ok, "no error")
    assert.matches(text, why, 1, true)
  end

  it("are checked", function()
    refused("sigma is above 0, not 0", { sigma = 0 })
    refused("ratio is above 0, not nan", { ratio = 0 / 0 })
    refused("classes is a whole number of at least 2, not 1", { classes = 1 })
    refused("patience is a whole number of at least 1, not 0",
            { patience = 0 })
    refused("warmup 40 is more than window 32", { warmup = 40 })
    refused("margin is above tolerance 0.02 and below 1, not 0.01",
            { margin = 0.01 })
    refused("no option 'sgima'", { sgima = 3 })
  end)
end)
