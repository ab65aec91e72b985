local Schedule = require "moonseed.seed.schedule"

local function values(from, to, options)
  local s, list = Schedule.new("spec", from, to, options), {}
  for k = 0, s.steps do list[k] = s:at(k) end
  return list, s
end

local function options(curve, steps, steepness)
  return { curve = curve, steps = steps, steepness = steepness }
end

describe("a schedule of alpha", function()
  for _, curve in ipairs{ "linear", "cosine", "sigmoid" } do
    it("is monotone and ends exactly on its target: " .. curve, function()
      for _, range in ipairs{ { 0, 1 }, { 1, 0 }, { 0.3, 0.7 }, { 0, 0.1 } } do
        for _, steps in ipairs{ 1, 2, 7, 200 } do
          local list = values(range[1], range[2], options(curve, steps, 12))
          local sign = range[2] > range[1] and 1 or -1
          for k = 1, steps do
            assert.is_true(sign * (list[k] - list[k - 1]) >= 0)
          end
          assert.equal(range[1], list[0])
          assert.equal(range[2], list[steps])
        end
      end
    end)

    it("is halfway in the middle: " .. curve, function()
      local list = values(0, 1, options(curve, 10, 10))
      assert.near(0.5, list[5], 1e-12)
    end)
  end

  it("follows the formulas", function()
    assert.near(0.25, values(0, 1, options("linear", 8))[2], 1e-15)
    assert.near((1 - math.cos(math.pi / 4)) / 2,
                values(0, 1, options("cosine", 8))[2], 1e-15)
    local function s(t) return 1 / (1 + math.exp(-6 * (t - 0.5))) end
    assert.near((s(0.25) - s(0)) / (s(1) - s(0)),
                values(0, 1, options("sigmoid", 8, 6))[2], 1e-15)
  end)

  it("knows its direction", function()
    local s = Schedule.new("spec", 0, 1, options("linear", 2))
    assert.equal("up", s:direction())
    assert.equal(0.5, s:step())
    assert.equal(1, s:step())
    assert.equal("hold", s:direction())
    assert.equal(1, s:step())
    assert.equal("down",
                 Schedule.new("spec", 1, 0, options("linear", 2)):direction())
  end)

  it("refuses what is no schedule", function()
    local function refuses(text, from, to, o)
      local ok, e = pcall(Schedule.new, "spec", from, to, o)
      assert.is_false(ok)
      assert.truthy(e:find(text, 1, true), e)
    end
    refuses("target is 1.5, expected 0 to 1", 0, 1.5)
    refuses("alpha is -1", -1, 1)
    refuses("no curve 'square' (cosine, linear, sigmoid)", 0, 1,
            { curve = "square" })
    refuses("steps", 0, 1, { steps = 0 })
    refuses("steepness", 0, 1, { steepness = 0 })
    refuses("target is nan", 0, 0 / 0)
  end)
end)
