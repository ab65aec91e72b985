-- An operation with a gradient of your own: swish(x) = x / (1 + exp(-x)).
--
--   moonseed scripts/examples/swish.lua
local moon = require "moonseed"

local function sigmoid(x) return 1 / (1 + (-x):exp()) end

local swish = moon.op{
  name = "swish",
  forward = function(ctx, x)
    ctx.x = x
    return x * sigmoid(x)
  end,
  backward = function(ctx, dy)
    local s = sigmoid(ctx.x)
    return dy * (s + ctx.x * s * (1 - s))
  end,
}

-- The same from recorded operations, to compare with.
local function composed(x) return x * sigmoid(x) end

local a = moon.randn(4, 3):requires_grad()
local b = a:detach():clone():requires_grad()
swish(a):sum():backward()
composed(b):sum():backward()
print("by hand", a.grad)
print("composed", b.grad)
print("close:", moon.allclose(a.grad, b.grad))
