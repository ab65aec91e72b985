-- Cutting a model before its first slot: where, and that nothing is computed
-- otherwise than in one pass.
local task = require "support.task"
local bits = require "support.bits"
local Slot = require "support.stub_slot"
local moon = require "moonseed"
local split = require "moonseed.seed.split"
local nn = moon.nn

-- conv+relu, norm, slot, conv+relu, { conv+relu, slot }, pool, linear
local function nested()
  local early, late = Slot{ "early" }, Slot{ "late" }
  early:plant(nn.Conv2d{ 4, 4, kernel = 1 }, "BLENDING")
  late:plant(nn.Conv2d{ 6, 6, kernel = 1 }, "HOLDING")
  local model = nn.Sequential{
    nn.Conv2d{ 1, 4, kernel = 3 }, nn.ReLU{}, nn.BatchNorm2d{ 4 }, early,
    nn.Conv2d{ 4, 6, kernel = 3 }, nn.ReLU{},
    nn.Sequential{ nn.Conv2d{ 6, 6, kernel = 1 }, nn.ReLU{}, late },
    nn.GlobalAvgPool2d{}, nn.Linear{ 6, 3 },
  }
  return model:eval(), early, late
end

local function assert_same_pass(model, slots, x)
  local prefix, suffix, n = split.at(model, slots)
  assert.equal(bits.of(model(x)), bits.of(suffix(prefix(x))))
  return n, prefix, suffix
end

describe("split.at", function()
  it("cuts before the first slot, ReLUs fused as in one pass",
     task(function()
       local model, early, late = nested()
       local x = moon.randn(3, 1, 8, 8)
       assert.equal(2, assert_same_pass(model, { early, late }, x))
       assert.equal(2, assert_same_pass(model, { late, early }, x))
     end))

  it("cuts inside a Sequential in a Sequential", task(function()
    local model, _, late = nested()
    local n, prefix = assert_same_pass(model, { late }, moon.randn(3, 1, 8, 8))
    assert.equal(5, n)
    assert.same({ 3, 6, 4, 4 }, prefix(moon.zeros(3, 1, 8, 8)):shape())
  end))

  it("submits the ops of one pass, no more", task(function()
    local model, early = nested()
    local x = moon.randn(2, 1, 8, 8)
    local function count(fn)
      moon.synchronize()
      local before = moon.stats().ops
      fn()
      moon.synchronize()
      return moon.stats().ops - before
    end
    local prefix, suffix = split.at(model, { early })
    for _ = 1, 2 do model(x):await() end  -- weights used again are packed
    assert.equal(count(function() model(x) end),
                 count(function() suffix(prefix(x)) end))
  end))

  it("leaves a model of another kind whole", task(function()
    local Residual = nn.Module:extend("Residual")
    function Residual:init()
      self.slot = Slot{ "inside" }
      self.slot:plant(nn.Linear{ 4, 4 }, "BLENDING")
    end
    function Residual:forward(x) return x + self.slot:forward(x) end
    local model = Residual{}
    local x = moon.randn(2, 4)
    local n, prefix = assert_same_pass(model, { model.slot }, x)
    assert.equal(0, n)
    assert.is_true(rawequal(x, prefix(x)))
    local outer = nn.Sequential{ nn.Linear{ 4, 4 }, model, nn.ReLU{} }
    assert.equal(1, assert_same_pass(outer, { model.slot }, x))
  end))

  it("leaves a Sequential with its own forward whole", task(function()
    local Twice = nn.Sequential:extend("Twice")
    function Twice:forward(x)
      return nn.Sequential.forward(self, nn.Sequential.forward(self, x))
    end
    local slot = Slot{ "s" }:plant(nn.Linear{ 4, 4 }, "BLENDING")
    local model = Twice{ nn.Linear{ 4, 4 }, slot }
    assert.equal(0, assert_same_pass(model, { slot }, moon.randn(2, 4)))
  end))

  it("leaves a model whole whose first step is the slot", task(function()
    local slot = Slot{ "s" }:plant(nn.Linear{ 4, 4 }, "BLENDING")
    local model = nn.Sequential{ slot, nn.ReLU{} }
    assert.equal(0, assert_same_pass(model, { slot }, moon.randn(2, 4)))
    assert.equal(0, assert_same_pass(model, {}, moon.randn(2, 4)))
  end))

  it("is of the model as it was", task(function()
    local model, early = nested()
    local x = moon.randn(2, 1, 8, 8)
    local before = bits.of(model(x))
    local prefix, suffix = split.at(model, { early })
    model[5] = nn.Conv2d{ 4, 6, kernel = 3 }
    assert.equal(before, bits.of(suffix(prefix(x))))
    assert.are_not.equal(before, bits.of(model(x)))
  end))

  it("refuses a slot that is elsewhere", task(function()
    local model = nested()
    assert.error_matches(function() split.at(model, { Slot{ "other" } }) end,
                         "split: slot 1 of 1 %(other%) is not in the model")
  end))
end)
