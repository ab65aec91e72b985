-- nn.copy: the same module, sharing no memory.

local bits = require "support.bits"
local gardens = require "support.garden"
local moon = require "moonseed"
local task = require "support.task"
local nn, optim = moon.nn, moon.optim

local function names(module)
  local list = {}
  for name in module:parameters() do list[#list + 1] = name end
  for name in module:buffers() do list[#list + 1] = name end
  return list
end

local function state_bits(module)
  local state, parts = module:state(), {}
  for i, name in ipairs(names(module)) do
    parts[i] = name .. bits.of(state[name])
  end
  return table.concat(parts)
end

local function fill(module, value)
  moon.no_grad(function()
    for _, t in pairs(module:state()) do t:fill_(value) end
  end)
end

describe("a copy of a module", function()
  it("has its tensors' names and bits, and none of its memory",
     task(function()
       local model = gardens.model()
       model(moon.rand(4, 1, 8, 8))  -- moves the statistics
       local copy = nn.copy(model)
       local before = state_bits(model)
       assert.same(names(model), names(copy))
       assert.is_true(before == state_bits(copy))
       fill(copy, 7)
       assert.is_true(before == state_bits(model))
       local copied = state_bits(copy)
       fill(model, 5)
       assert.is_true(copied == state_bits(copy))
     end))

  it("computes the same, in either mode", task(function()
    local model = nn.Sequential{ nn.Conv2d{ 1, 4, kernel = 3 },
                                 nn.BatchNorm2d{ 4 }, nn.ReLU{} }
    local x = moon.rand(2, 1, 6, 6)
    local copy = nn.copy(model)
    assert.is_true(bits.of(model(x)) == bits.of(copy(x)))
    assert.is_true(state_bits(model) == state_bits(copy))
    model:eval()
    copy = nn.copy(model)
    assert.is_false(copy.training or copy[2].training)
    assert.is_true(bits.of(model(x)) == bits.of(copy(x)))
  end))

  it("learns by itself", task(function()
    local model = nn.Linear{ 3, 2 }
    local copy, before = nn.copy(model), state_bits(model)
    local opt = optim.SGD{ copy, lr = 0.1 }
    copy(moon.ones(1, 3)):sum():backward()
    opt:step()
    assert.is_true(before == state_bits(model))
    assert.is_nil(model.weight.grad)
    assert.is_false(before == state_bits(copy))
  end))

  it("leaves gradients behind", task(function()
    local model = nn.Linear{ 3, 2 }
    model(moon.ones(1, 3)):sum():backward()
    assert.is_nil(nn.copy(model).weight.grad)
  end))

  it("keeps what is frozen frozen, and a parameter", task(function()
    local model = nn.Linear{ 3, 2 }
    model.weight:requires_grad(false)
    local copy = nn.copy(model)
    assert.same({ "weight", "bias" }, names(copy))
    copy(moon.ones(1, 3)):sum():backward()
    assert.is_nil(copy.weight.grad)
    assert.is_not_nil(copy.bias.grad)
  end))

  it("shares inside what was shared inside", task(function()
    local Tied = nn.Module:extend("Tied")
    function Tied:init()
      self.first = nn.Linear{ 2, 2 }
      self.again = self.first
      self.last = nn.Linear{ 2, 2 }
      self.last.weight = self.first.weight
    end
    local tied = Tied{}
    local copy = nn.copy(tied)
    assert.is_true(rawequal(copy.first, copy.again))
    assert.equal(copy.first.weight:id(), copy.last.weight:id())
    assert.not_equal(tied.first.weight:id(), copy.first.weight:id())
    assert.same(names(tied), names(copy))
  end))

  it("does not need the moon.tidy that it was made in", task(function()
    local copy
    local model = nn.Linear{ 3, 2 }
    moon.tidy(function() copy = nn.copy(model) end)
    assert.is_true(state_bits(model) == state_bits(copy))
  end))

  it("is of a module", task(function()
    local ok, e = pcall(nn.copy, 3)
    assert.is_false(ok)
    assert.matches("nn.copy: expects a module, not a number", e)
  end))
end)

describe("a copy's plain fields", function()
  local Plain

  before_each(function()
    Plain = nn.Module:extend("Plain")
    function Plain:init()
      self.inner = nn.Linear{ 2, 2 }
      self.mask = moon.ones(2)
      self.sizes = { 1, 2, deep = { 3 } }
      self.sizes.self = self.sizes
      self.order = { first = self.inner, me = self }
      self.helper = setmetatable({}, { __index = { n = 4 } })
      self.call = function() return 5 end
    end
    function Plain:forward(x) return self.order.first(x) * self.mask end
  end)

  after_each(function() Plain = nil end)

  it("are tables and tensors of its own", task(function()
    local plain = Plain{}
    local copy = nn.copy(plain)
    assert.same({ 1, 2 }, { unpack(copy.sizes) })
    assert.equal(3, copy.sizes.deep[1])
    assert.is_true(rawequal(copy.sizes, copy.sizes.self))
    copy.sizes.deep[1] = 9
    copy.mask:fill_(2)
    assert.equal(3, plain.sizes.deep[1])
    assert.same({ 1, 1 }, plain.mask:totable())
  end))

  it("name its own modules", task(function()
    local plain = Plain{}
    local copy = nn.copy(plain)
    assert.is_true(rawequal(copy.order.first, copy.inner))
    assert.is_true(rawequal(copy.order.me, copy))
    local x = moon.ones(1, 2)
    local before = bits.of(plain(x))
    fill(copy, 0)
    assert.is_true(before == bits.of(plain(x)))
    assert.same({ { 0, 0 } }, copy(x):totable())
  end))

  it("are taken over where they are objects or functions", task(function()
    local plain = Plain{}
    local copy = nn.copy(plain)
    assert.is_true(rawequal(plain.helper, copy.helper))
    assert.equal(5, copy.call())
  end))

  it("may be tensors that were released", task(function()
    local plain = Plain{}
    moon.tidy(function() plain.last = plain(moon.ones(1, 2)) end)
    assert.is_true(state_bits(plain) == state_bits(nn.copy(plain)))
  end))

  it("are the class's to mend", task(function()
    function Plain:copied(original, copy)
      self.helper = { of = original, inner = copy(original.inner) }
    end
    local plain = Plain{}
    local copy = nn.copy(plain)
    assert.is_true(rawequal(plain, copy.helper.of))
    assert.is_true(rawequal(copy.inner, copy.helper.inner))
  end))
end)

describe("a copy of a model with slots", function()
  local function same_forward(run, copy)
    local x = run.valid.x
    run.model:eval()
    copy:eval()
    assert.is_true(bits.of(run.model(x)) == bits.of(copy(x)))
    run.model:train()
  end

  local function grown(stage, options, slot)
    moon.manual_seed(3)
    local run = gardens.run{ slot = slot }
    run.steps(3)
    gardens.grow(run, stage, "conv_light", options)
    if stage == "BLENDING" then run.steps(4) else run.steps(20) end
    return run
  end

  it("computes the same with seeds that blend, hold or stay", task(function()
    for _, stage in ipairs{ "BLENDING", "HOLDING", "FOSSILIZED" } do
      for _, kind in ipairs{ "add", "multiply", "gate" } do
        local run = grown(stage, { kind = kind })
        local copy = nn.copy(run.model)
        same_forward(run, copy)
        local slot = copy[4]
        assert.equal(stage, slot:stage())
        assert.equal(run.slot:alpha(), slot:alpha())
        assert.is_true(slot:alpha() > 0)
        assert.is_false(rawequal(slot.seed1, run.slot.seed1))
        assert.is_true(rawequal(slot.seed1, slot:seed().module))
      end
    end
  end))

  it("keeps alphas and stages in a garden of its own", task(function()
    local run = grown("BLENDING")
    local copy = nn.copy(run.model)
    local garden = moon.seed.Garden{ copy, classes = 4, valid = run.valid }
    same_forward(run, copy)
    assert.equal("BLENDING", copy[4]:stage())
    local alpha = run.slot:alpha()
    assert.equal(alpha, copy[4]:alpha())
    garden:step{}
    assert.is_true(copy[4]:alpha() > alpha)
    assert.equal(alpha, run.slot:alpha())
  end))

  it("leaves behind what incubates", task(function()
    local run = grown("TRAINING")
    local copy = nn.copy(run.model)
    same_forward(run, copy)
    assert.equal("DORMANT", copy[4]:stage())
    assert.equal("TRAINING", run.slot:stage())
    assert.is_nil(copy[4]:seed().module)
    assert.is_true(rawequal(copy[4], copy[4]:seed().slot))
  end))

  it("leaves behind what has failed", task(function()
    local run = grown("HOLDING")
    run.slot:seed():fail "on purpose"
    local copy = nn.copy(run.model)
    same_forward(run, copy)
    assert.equal("DORMANT", copy[4]:stage())
    assert.is_nil(copy[4].seed1)
    assert.is_not_nil(run.slot.seed1)
  end))

  it("does with several seeds beside a host branch", task(function()
    local run = grown("HOLDING", nil, { seeds = 2, host = nn.ReLU{} })
    gardens.grow(run, "BLENDING", "norm", { seed = 2 })
    run.steps(2)
    local copy = nn.copy(run.model)
    same_forward(run, copy)
    assert.equal(run.slot:alpha(2), copy[4]:alpha(2))
    assert.equal(2, #copy[4]:seeds())
  end))

  it("has optimiser steps of the copy's seeds", task(function()
    local run = grown("HOLDING")
    local copy = nn.copy(run.model)
    local apart = rawget(copy[4].seed1, "apart")
    assert.is_function(apart)
    assert.is_false(rawequal(apart, rawget(run.slot.seed1, "apart")))
  end))
end)
