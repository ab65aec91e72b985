-- Two branches of a layer side by side, forward and backward, each on a stream
-- of its own, with the numbers of running one after the other.
--
--   moonseed scripts/examples/branches.lua
local moon = require "moonseed"
local nn = moon.nn

local Inception = nn.Module:extend("Inception")

function Inception:init(options)
  local n = options[1]
  self.near = nn.Conv2d{ n, n, kernel = 3, padding = 1 }
  self.far = nn.Conv2d{ n, n, kernel = 5, padding = 2 }
end

function Inception:forward(x)
  local near, far = moon.gather(function() return self.near(x):relu() end,
                                function() return self.far(x):relu() end)
  return moon.cat({ near, far }, 2)
end

local layer = Inception{ 32 }
local x = moon.randn(16, 32, 28, 28)
layer(x):sum():backward()
local gradient = layer.far.weight.grad

layer.far.weight.grad = nil
local far = layer.far(x):relu()
moon.cat({ layer.near(x):relu(), far }, 2):sum():backward()
print("same gradient, bit for bit:",
      gradient:eq(layer.far.weight.grad):to("f32"):min():item() == 1)

print("stream   ops    busy ms")
for _, s in ipairs(moon.streams():stats()) do
  print(("%6d %5d %10.2f"):format(s.stream, s.ops, s.busy_ns / 1e6))
end
