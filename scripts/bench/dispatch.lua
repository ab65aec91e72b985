--- What small operations cost: submitting one, submitting and awaiting a tiny
-- convolution, a chain of a hundred of these forward and backward.
--
--   moonseed dispatch.lua THREADS

local moon = require "moonseed"
local rounds = require "rounds"

local ADDS, LENGTH = 2000, 100

moon.set_threads(tonumber(arg[1]))
local a, b = moon.randn(8, 8), moon.randn(8, 8)
local x = rounds.channels_last(moon.randn(1, 4, 8, 8))
local options = moon.conv2d_params{ padding = 1 }
local weights = {}
for i = 1, LENGTH do
  weights[i] = (moon.randn(4, 4, 3, 3) / 6):requires_grad()
end

-- Microseconds for each of many.
local function adds()
  moon.synchronize()
  local begin = rounds.ms()
  for _ = 1, ADDS do
    local _ = a + b
  end
  return (rounds.ms() - begin) / ADDS * 1e3
end

local function conv()
  moon.conv2d(x, weights[1], nil, options):await()
end

local function chain()
  local y = x
  for _, w in ipairs(weights) do
    w.grad = nil
    y = moon.conv2d(y, w, nil, options)
  end
  y:sum():backward()
  weights[1].grad:await()
end

rounds.run(function(report)
  report("add:submit_us", adds())
  moon.no_grad(function()
    report("conv:await_us", rounds.median_ms(conv) * 1e3)
  end)
  report("chain:ms", rounds.median_ms(chain, nil, 200))
end)
