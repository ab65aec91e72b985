-- Both ways in which a GPU's ends are told, with queues that are nearly always
-- full: whoever is told must not need what the launching thread holds while the
-- driver keeps it waiting.
local gpu = require "support.gpu"
local shell = require "support.shell"
local busted = require "busted"
local it = busted.it

local script = [[
  local moon = require "moonseed"
  moon.set_device "cuda:0"
  local streams, sums = moon.streams(), {}
  for i = 1, 4 do sums[i] = moon.zeros(100) end
  for step = 1, 100 do
    for i = 1, 4 do
      moon.on(streams:next(), function() sums[i]:add_(sums[i % 4 + 1] + 1) end)
    end
    if step % 20 == 0 then
      sums[1]:fill_(0)
      sums[2][1]:item()
    end
  end
  moon.synchronize()
  print "done"
]]

-- Runs it in a process of its own.
local function run(notify)
  local folder, remove = shell.folder()
  local path = folder .. "/script.lua"
  local file = assert(io.open(path, "w"))
  file:write(script)
  file:close()
  local output, status = shell.run((
    "MOONSEED_GPU_NOTIFY=%s MOONSEED_EMULATED_DEPTH=2 timeout 60 "
    .. "scripts/moonseed '%s'"):format(notify, path))
  remove()
  return output, status
end

gpu.describe("a GPU whose queues are full", function()
  for _, notify in ipairs{ "events", "host" } do
    it("goes on, told by way of " .. notify, function()
      local output, status = run(notify)
      assert.equal("done\n", output)
      assert.equal(0, status)
    end)
  end
end)
