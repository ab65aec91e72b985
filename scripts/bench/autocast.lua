--- Products inside moon.autocast: a matrix product, a fully connected layer and
-- a 1x1 convolution; forward, and forward with backward.
--
--   moonseed autocast.lua THREADS DTYPE

local moon = require "moonseed"
local rounds = require "rounds"

local threads, dtype = tonumber(arg[1]), arg[2]

moon.set_threads(threads)

local function leaf(...) return moon.randn(...):requires_grad() end

local a, b = leaf(1024, 1024), leaf(1024, 1024)
local x, w, bias = leaf(128, 4096), leaf(4096, 4096), leaf(4096)
local image = rounds.channels_last(moon.randn(128, 64, 32, 32)):requires_grad()
local filter = leaf(128, 64, 1, 1)

local products = {
  { "matmul,1024,1024,1024", function() return a:matmul(b) end, { a, b } },
  { "linear,128,4096,4096", function() return moon.linear(x, w, bias) end,
    { x, w, bias } },
  { "128,64,32,128,1", function() return moon.conv2d(image, filter) end,
    { image, filter } },
}
for _, product in ipairs(products) do
  product.dy = moon.no_grad(product[2]):clone()
end

local function forward(product)
  return rounds.queued_ms(function() return moon.no_grad(product[2]) end)
end

local function both(product)
  local leaves = product[3]
  return rounds.median_ms(function()
    for _, t in ipairs(leaves) do t.grad = nil end
    local y = product[2]()
    y:backward(product.dy)
    y:dispose()
    for _, t in ipairs(leaves) do t.grad:await() end
  end)
end

rounds.run(function(report)
  moon.autocast(dtype, function()
    for _, product in ipairs(products) do
      report(product[1] .. ":forward", forward(product))
      report(product[1] .. ":all", both(product))
    end
  end)
end)
