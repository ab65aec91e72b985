-- The memory that a convolution's plan is timed in, on the emulated GPU: asked
-- for as the tuner asks, in a process of its own, as the wish is read once.
local busted = require "busted"
local gpu = require "support.gpu"
local shell = require "support.shell"

local program = [[
local moon = require "moonseed"
moon.set_device "cuda:0"
local x, w = moon.ones(2, 4, 512, 512), moon.ones(4, 4, 1, 1)
moon.synchronize()
local before = moon.stats().system_allocs
if LIMIT then
  moon.set_memory_limit(tonumber(moon.stats().live_bytes) + 2 ^ 24 + 4096,
                        "cuda:0")
end
local y = moon.conv2d(x, w)
assert(y[1][1][1][1]:item() == 4)
print("allocs", moon.stats().system_allocs - before)
]]

-- How often memory was taken from the device.
local function allocs(tune, limit)
  local output, status = shell.script(
    ("local LIMIT = %s\n%s"):format(tostring(limit), program),
    "MOONSEED_GPU=emulated " .. (tune and "MOONSEED_CUDNN_TUNE=1" or ""))
  assert.equal(0, status, output)
  return tonumber(output:match "allocs%s+(%d+)")
end

gpu.describe("a tuned convolution", function()
  busted.it("is timed in memory that the device's limit counts", function()
    assert.equal(allocs(false) + 1, allocs(true))
  end)

  busted.it("is not timed where that leaves no room, and computed", function()
    assert.equal(allocs(false, true), allocs(true, true))
  end)
end)
