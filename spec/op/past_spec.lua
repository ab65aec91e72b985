-- Results so large that they are stored past the caches: their bits are those
-- of the same op on a few images at a time, whose results are not.
local moon = require "moonseed"
local bits = require "support.bits"
local task = require "support.task"

local IMAGES, STEP = 12, 4
local SHAPE = { IMAGES, 64, 56, 56 }   -- 9.6 MB, and 3.2 MB of 4 images
local WIDE = { IMAGES, 64, 112, 112 }  -- pooled, the same

local function images(shape)
  local x = moon.randn(unpack(shape))
  return x:permute(1, 3, 4, 2):contiguous():permute(1, 4, 2, 3)
end

-- Value and gradients of fn(inputs) under the gradient dy.
local function run(fn, inputs, dy)
  local leaves = {}
  for i, x in ipairs(inputs) do leaves[i] = x:detach():requires_grad() end
  local y = fn(unpack(leaves))
  y:backward(dy)
  local results = { y }
  for _, leaf in ipairs(leaves) do results[#results + 1] = leaf.grad end
  return results
end

local function some(x, first) return x:narrow(1, first, STEP) end

-- fn(x...) on images alone and a few of them at a time.
local function large(name, shape, n, fn)
  it(name, task(function()
    moon.manual_seed(1)
    local inputs = {}
    for i = 1, n do inputs[i] = images(shape) end
    local dy = images(moon.no_grad(function()
      return fn(unpack(inputs)):shape()
    end))
    local whole = run(fn, inputs, dy)
    for first = 1, IMAGES, STEP do
      local few = {}
      for i, x in ipairs(inputs) do few[i] = some(x, first) end
      for i, part in ipairs(run(fn, few, some(dy, first))) do
        assert.is_true(bits.of(part) == bits.of(some(whole[i], first)),
                       ("result %d from image %d on"):format(i, first))
      end
    end
  end))
end

describe("past the caches:", function()
  large("relu", SHAPE, 1, function(x) return x:relu() end)
  large("exp", SHAPE, 1, function(x) return x:exp() end)
  large("add", SHAPE, 2, function(a, b) return a + b end)
  large("clone", SHAPE, 1, function(x) return x:clone() end)
  large("max_pool2d", WIDE, 1, function(x) return x:max_pool2d(2) end)
  large("max_pool2d with an overlap", WIDE, 1, function(x)
    return x:max_pool2d{ 3, stride = 2, padding = 1 }
  end)

  local norm = moon.nn.BatchNorm2d{ 64 }:eval()
  large("batch_norm", SHAPE, 1, function(x) return norm(x) end)

  it("linear with ReLU has the bias gradient of its parts", task(function()
    local x = moon.randn(20000, 8)
    local dy = moon.randn(20000, 128)
    local function gradient(first, n)
      local w, b = moon.ones(128, 8), moon.zeros(128):requires_grad()
      local y = moon.linear(x:narrow(1, first, n), w, b, { epilogue = "relu" })
      y:backward(dy:narrow(1, first, n))
      return b.grad:to "f64"
    end
    local sum = gradient(1, 10000) + gradient(10001, 10000)
    local off = (gradient(1, 20000) - sum):abs():max():item()
    assert.is_true(off < 1e-4, off)
  end))
end)
