-- A GPU that fails while it computes: emulated, in a process of its own, as it
-- stays lost.
local busted = require "busted"
local gpu = require "support.gpu"
local shell = require "support.shell"

local head = [[
local moon = require "moonseed"

-- The error of an await, which names the device.
local function fails(fn)
  local ok, why = pcall(fn)
  assert(not ok, "no error")
  assert(tostring(why):match "cuda:0", why)
end

local kept = moon.full({ 4 }, 3, { device = "cuda:0" })
kept:await()
moon.set_device "cuda:0"
]]

local tail = [[
fails(function() kept:to("cpu"):await() end)
fails(function() return moon.ones(3):sum():item() end)
fails(function() moon.ones(1000003):await() end)
local host = moon.ones(2e6, { device = "cpu" })
fails(function() host:to("cuda:0"):await() end)
pcall(moon.synchronize)
moon.set_device "cpu"
local x = moon.full({ 100, 100 }, 2)
assert(x:matmul(x):sum():item() == 4e6)
moon.save("x.safetensors", { x = x })
assert(moon.load("x.safetensors").x:sum():item() == 2e4)
print "fine"
]]

-- What a process prints whose GPU fails at its `nth` launch, with `body`.
local function run(nth, body)
  local output, status = shell.script(head .. body .. tail,
    ("MOONSEED_GPU=emulated MOONSEED_EMULATED_FAIL=%d"):format(nth))
  assert.equal(0, status, output)
  assert.matches("fine", output)
end

gpu.describe("a GPU that is lost", function()
  busted.it("fails all awaits, by name, and the CPU goes on", function()
    run(40, [[
      local x = moon.zeros(1000)
      for _ = 1, 100 do x = x + 1 end
      fails(function() x:await() end)
    ]])
  end)

  busted.it("fails on all streams, where tasks wait", function()
    run(60, [[
      local streams = moon.streams()
      local tasks = {}
      for i = 1, 4 do
        tasks[i] = function()
          local x = moon.zeros(1000)
          fails(function()
            for _ = 1, 60 do
              x = moon.on(streams:next(), function() return x + 1 end)
              if i == 1 then x:sum():item() end
            end
            x:await()
          end)
        end
      end
      moon.gather(unpack(tasks))
    ]])
  end)

  busted.it("fails large copies under way, and looks at indices", function()
    run(12, [[
      local list = {}
      for i = 1, 12 do
        local x = moon.full({ 3e6 }, i, { device = "cpu" }):to("cuda:0")
        list[i] = (x + 1):to("cpu")
      end
      local rows = moon.ones(4, 4)
      local i = moon.tensor({ 1, 2 }, { dtype = "i64" })
      local picked = rows:index_select(1, i)
      fails(function() for k = 1, 12 do list[k]:await() end end)
      fails(function() picked:await() end)
    ]])
  end)

  busted.it("fails a step of training, whose host copies stay", function()
    run(200, [[
      local nn, optim = moon.nn, moon.optim
      local net = nn.Sequential{ nn.Conv2d{ 3, 4, kernel = 3 }, nn.ReLU{},
                                 nn.Flatten{}, nn.Linear{ 144, 2 } }
      local opt = optim.SGD{ net, lr = 0.1, momentum = 0.9 }
      local saved = {}
      for name, p in net:parameters() do
        saved[name] = p:detach():to("cpu")
        saved[name]:await()
      end
      fails(function()
        for _ = 1, 100 do
          local loss = nn.cross_entropy(net(moon.ones(5, 3, 8, 8)),
            moon.zeros(5, { dtype = "i64" }))
          opt:zero_grad()
          loss:backward()
          opt:step()
          loss:item()
        end
      end)
      pcall(moon.synchronize)  -- the failed steps' errors are raised once
      moon.save("saved.safetensors", saved)
    ]])
  end)
end)
