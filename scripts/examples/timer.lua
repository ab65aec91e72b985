-- A timer ticks on while a long convolution and its backward run.
--
--   moonseed scripts/examples/timer.lua
local moon = require "moonseed"
local uv = require "luv"

local last, gaps = uv.hrtime(), {}
local timer = uv.new_timer()
timer:start(1, 1, function()
  local now = uv.hrtime()
  gaps[#gaps + 1] = (now - last) / 1e6
  last = now
end)

local x = moon.randn(64, 64, 56, 56):requires_grad()
local w = moon.randn(128, 64, 3, 3):requires_grad()
local start = uv.hrtime()
local y = moon.conv2d(x, w, nil, { padding = 1 })
y:sum():backward()
local submitted = uv.hrtime()
w.grad:await()
local done = uv.hrtime()
timer:close()

table.sort(gaps)
print(("calls returned after %.1f ms, gradient there after %.0f ms"):format(
  (submitted - start) / 1e6, (done - start) / 1e6))
print(("%d ticks of 1 ms; gaps: median %.2f ms, longest %.2f ms"):format(
  #gaps, gaps[math.ceil(#gaps / 2)], gaps[#gaps]))
