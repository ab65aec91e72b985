-- The built-in blueprints: identity, gradients, cost, and what is special.
local bits = require "support.bits"
local task = require "support.task"
local moon = require "moonseed"
local blueprint = require "moonseed.seed.blueprint"
local optim = moon.optim

local images, vectors = {}, {}
for _, channels in ipairs{ 1, 3, 8, 64 } do
  for _, place in ipairs{ { 1, 1 }, { 2, 3 }, { 7, 7 }, { 14, 5 } } do
    images[#images + 1] = { 1, channels, place[1], place[2] }
    images[#images + 1] = { 3, channels, place[1], place[2] }
  end
  vectors[#vectors + 1] = { 1, channels }
  vectors[#vectors + 1] = { 5, channels }
end
local both = { unpack(images) }
for _, shape in ipairs(vectors) do both[#both + 1] = shape end

-- What each takes, what it refuses, and the layer that learns at birth; `flat`
-- where a group of one value has nothing to normalise.
local cases = {
  { "noop", both },
  { "norm", images, { 4, 8 }, "branch.1", flat = true },
  { "attention", images, { 4, 8 }, "excite" },
  { "depthwise", images, { 4, 8 }, "branch.3" },
  { "bottleneck", images, { 4, 8 }, "branch.5" },
  { "conv_small", images, { 4, 8 }, "branch.1" },
  { "conv_light", images, { 4, 8 }, "branch.3", flat = true },
  { "conv_heavy", images, { 2, 3, 4 }, "branch.5", flat = true },
  { "lora", vectors, { 4, 8, 2, 2 }, "branch.2" },
  { "mlp", both, { 4, 8, 2 }, "branch.3" },
}

local function text_of(shape) return table.concat(shape, "x") end

-- Names of parameters whose gradient is not zero everywhere.
local function reached(module)
  local names = {}
  for name, p in module:parameters() do
    if p.grad and p.grad:norm():item() > 0 then names[#names + 1] = name end
  end
  return names
end

-- The names with `prefix` before a point; all without.
local function expected(module, prefix)
  local names = {}
  for name in module:parameters() do
    if not prefix or name:sub(1, #prefix + 1) == prefix .. "." then
      names[#names + 1] = name
    end
  end
  return names
end

local function backward(module, x)
  local product = module(x) * moon.randn(x:shape())
  product:sum():backward()
end

-- A batch of 16 large values at each shape: where one channel has one place, a
-- ReLU behind a bias may be off for all of few small ones.
local function check_gradients(case, shape)
  local name, learns = case[1], case[4]
  local module = blueprint.build(name, shape)
  local x = (moon.randn(shape) * 8):requires_grad()
  local opt = optim.SGD{ module, lr = 0.01 }
  backward(module, x)
  assert.same(expected(module, learns), reached(module), text_of(shape))
  assert.is_true(x.grad:norm():item() > 0)
  opt:step()
  opt:zero_grad()
  backward(module, x)
  assert.same(expected(module), reached(module), text_of(shape))
end

-- The mean square of module(x) - 1.5 x before and after 100 steps.
local function train(case)
  local x = moon.randn(16, 8, case[2] == vectors and 1 or 5, 5)
  if case[2] == vectors then x = x:reshape(16, -1) end
  local module = blueprint.build(case[1], x)
  local opt = optim.SGD{ module, lr = 0.2, momentum = 0.9, max_norm = 1 }
  local first, last
  for _ = 1, 100 do
    local gap = module(x) - x * 1.5
    local loss = (gap * gap):mean()
    opt:zero_grad()
    loss:backward()
    opt:step()
    last = loss
    first = first or loss:item()
  end
  return first, last:item()
end

local function describe_built_in(case)
  local name, shapes, refused = case[1], case[2], case[3]

  it("is the identity at birth in every bit", task(function()
    for _, shape in ipairs(shapes) do
      local module = blueprint.build(name, shape)
      local x = moon.randn(shape) * 3
      assert.equal(bits.of(x), bits.of(module(x)), text_of(shape))
      assert.equal(bits.of(x), bits.of(module:eval()(x)), text_of(shape))
    end
  end))

  it("is the identity in f64 and on ref", task(function()
    moon.set_device "ref"
    local x = moon.randn(shapes[3]):to "f64"
    local module = blueprint.build(name, x)
    assert.equal(bits.of(x), bits.of(module(x)))
    moon.set_device "cpu"
  end))

  if refused then
    it("refuses features of other ranks", task(function()
      assert.error_matches(function() blueprint.build(name, refused) end,
        ("blueprint %s: takes features of .* dimensions, not %s"):format(
          name, text_of(refused)))
    end))

    it("learns", task(function()
      moon.manual_seed(8)
      local first, last = train(case)
      assert.near(0.25, first, 0.02)
      assert.is_true(last < 0.8 * first, ("%g, %g"):format(first, last))
    end))

    it("learns in its last layer at birth, everywhere one step later",
       task(function()
         moon.manual_seed(3)
         for _, shape in ipairs(shapes) do
           local small = shape[2] * (shape[3] or 2) * (shape[4] or 1) == 1
           if not (case.flat and small) then
             check_gradients(case, { 16, unpack(shape, 2) })
           end
         end
       end))
  end

  it("refuses unknown options", task(function()
    assert.error_matches(function()
      blueprint.build(name, shapes[1], { sise = 3 })
    end, "blueprint " .. name .. ": no option 'sise'")
  end))
end

for _, case in ipairs(cases) do
  describe("blueprint " .. case[1], function() describe_built_in(case) end)
end

-- Parameters and FLOPs by hand. At 8 x 5 x 5 there are 25 places, a 3x3 kernel
-- has 8 * 8 * 9 weights.
local costs = {
  { "noop", { 2, 8, 5, 5 }, 0, 0 },
  { "norm", { 2, 8, 5, 5 }, 8 + 8, 0 },
  { "attention", { 2, 8, 5, 5 }, 2 * (64 + 8), 2 * (64 + 64) },
  { "attention", { 2, 256, 5, 5 }, 2 * 256 * 16 + 16 + 256, 4 * 256 * 16 },
  { "depthwise", { 2, 8, 5, 5 }, 72 + 8 + 64 + 8, 2 * 25 * (72 + 64) },
  { "bottleneck", { 2, 8, 5, 5 }, 32 + 4 + 144 + 4 + 32 + 8,
    2 * 25 * (32 + 144 + 32) },
  { "bottleneck", { 1, 64, 14, 7 }, 4448, 852992 },
  { "conv_small", { 2, 8, 5, 5 }, 576 + 8, 2 * 25 * 576 },
  { "conv_light", { 2, 8, 5, 5 }, 576 + 8 + 16, 2 * 25 * 576 },
  { "conv_heavy", { 2, 8, 5, 5 }, 2 * 576 + 32, 4 * 25 * 576 },
  { "lora", { 7, 16 }, 2 * 16 * 4, 2 * 2 * 16 * 4 },
  { "lora", { 7, 2 }, 2 * 2 * 2, 2 * 2 * 2 * 2 },
  { "mlp", { 7, 16 }, 512 + 32 + 512 + 16, 2 * 1024 },
  { "mlp", { 2, 8, 5, 5 }, 128 + 16 + 128 + 8, 2 * 25 * 256 },
}

describe("blueprint.cost", function()
  it("is what one counts by hand", task(function()
    for _, case in ipairs(costs) do
      local name, shape, parameters, flops = unpack(case)
      assert.same({ parameters = parameters, flops = flops,
                    bytes = 4 * parameters }, blueprint.cost(name, shape),
                  name)
    end
  end))

  it("follows the options", task(function()
    local cost = blueprint.cost("lora", { 1, 16 }, { rank = 2 })
    assert.equal(2 * 16 * 2, cost.parameters)
    cost = blueprint.cost("mlp", { 1, 16 }, { ratio = 1 })
    assert.equal(2 * 16 * 17, cost.parameters)
    cost = blueprint.cost("attention", { 1, 64, 2, 2 }, { reduction = 4 })
    assert.equal(2 * 64 * 16 + 16 + 64, cost.parameters)
    cost = blueprint.cost("bottleneck", { 1, 16, 1, 1 }, { reduction = 2 })
    assert.equal(2 * 128 + 576 + 8 + 8 + 16, cost.parameters)
  end))

  it("draws no random number", task(function()
    moon.manual_seed(5)
    local first = moon.rand(3)
    moon.manual_seed(5)
    blueprint.cost("conv_heavy", { 1, 3, 4, 4 })
    assert.equal(bits.of(first), bits.of(moon.rand(3)))
  end))
end)

describe("a residual seed", function()
  it("makes -0 of x a 0 at birth, attention keeps it", task(function()
    local x = moon.full({ 1, 2, 2, 2 }, -0.0)
    local function sign_of(name)
      return (1 / blueprint.build(name, x)(x)):min():item()
    end
    assert.equal(-math.huge, (1 / x):min():item())
    assert.equal(math.huge, sign_of "conv_small")
    assert.equal(-math.huge, sign_of "attention")
  end))
end)

describe("the norm of seeds", function()
  it("normalises each image over groups of 16 channels", task(function()
    local norm_for = require "moonseed.seed.norm"
    local groups = { [1] = 1, [3] = 1, [8] = 1, [17] = 1, [32] = 2, [48] = 3,
                     [36] = 2, [64] = 4 }
    for channels, n in pairs(groups) do
      assert.equal(n, norm_for(channels).groups)
    end
    local norm = norm_for(32)
    local y = norm(moon.randn(2, 32, 4, 3) * 5 + 2):reshape(2, 2, -1)
    local n = y:size(3)
    for _, row in ipairs(y:mean(3):totable()) do
      for _, mean in ipairs(row) do assert.near(0, mean, 1e-5) end
    end
    for _, row in ipairs(y:var(3):totable()) do
      for _, var in ipairs(row) do assert.near(n / (n - 1), var, 1e-3) end
    end
  end))

  it("scales and shifts channels", task(function()
    local norm = require("moonseed.seed.norm")(2)
    local x = moon.randn(3, 2, 2, 2)
    local y = norm(x)
    moon.no_grad(function()
      norm.weight[2]:fill_(3)
      norm.bias[2]:fill_(-1)
    end)
    local z = norm(x)
    assert.is_true(moon.allclose(z:narrow(2, 1, 1), y:narrow(2, 1, 1)))
    assert.is_true(moon.allclose(z:narrow(2, 2, 1),
                                 y:narrow(2, 2, 1) * 3 - 1))
  end))

  it("has no statistics", task(function()
    local seeds = blueprint.build("conv_heavy", { 2, 4, 3, 3 })
    assert.is_nil(seeds:buffers()())
  end))
end)

describe("attention", function()
  it("scales channels by a gate made of their means", task(function()
    local module = blueprint.build("attention", { 2, 3, 2, 2 })
    moon.no_grad(function()
      module.excite.bias:copy_(moon.tensor{ 0, 1, -1 })
    end)
    local x = moon.ones(2, 3, 2, 2)
    local gates = module(x):mean{ 3, 4 }:totable()
    for _, row in ipairs(gates) do
      assert.near(1, row[1], 1e-6)
      assert.near(2 / (1 + math.exp(-1)), row[2], 1e-6)
      assert.near(2 / (1 + math.exp(1)), row[3], 1e-6)
    end
  end))
end)
