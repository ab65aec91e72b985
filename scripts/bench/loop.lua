--- How a 1 ms timer of the loop lives on beside long work.
--
--   moonseed loop.lua THREADS

local moon = require "moonseed"
local rounds = require "rounds"
local timer = require "timer"
local nn, optim = moon.nn, moon.optim

moon.set_threads(tonumber(arg[1]))

local run = {}

local w = moon.randn(256, 256, 3, 3):requires_grad()
local big = rounds.channels_last(moon.randn(64, 256, 28, 28))
local options = moon.conv2d_params{ padding = 1 }

function run.convolution()
  moon.no_grad(function()
    moon.conv2d(big, w, nil, options):await()
  end)
end

function run.backward()
  w.grad = nil
  moon.conv2d(big, w, nil, options):sum():backward()
  w.grad:await()
end

-- A loop that never reads a value.
function run.training()
  local model = nn.Sequential{
    nn.Conv2d{ 1, 16, kernel = 3, padding = 1 }, nn.ReLU{},
    nn.MaxPool2d{ 2 }, nn.GlobalAvgPool2d{}, nn.Linear{ 16, 10 },
  }
  local opt = optim.SGD{ model, lr = 0.1, momentum = 0.9 }
  local x, y = moon.randn(128, 1, 28, 28), moon.randint(0, 10, 128)
  for _ = 1, 100 do
    local loss = nn.cross_entropy(model(x), y)
    opt:zero_grad()
    loss:backward()
    opt:step()
  end
end

local images = moon.data.tensors{ moon.rand(20000, 1, 28, 28),
                                  moon.randint(0, 10, 20000) }

function run.batches()
  for x in images:batches{ 256, shuffle = true, flip = true, crop = 2 } do
    x:await()
  end
end

function run.data_set()
  moon.data.fashion_mnist{ "test" }
end

local large = moon.rand(75 * 2 ^ 20)

-- Removing 300 MB takes Lua, and so the loop, 50 ms: not here.
local path = os.tmpname()

function run.saving()
  moon.save(path, { large = large }, { format = "safetensors" })
end

rounds.run(function(report)
  for _, name in ipairs(timer.workloads) do
    moon.synchronize()
    local stop = timer.start()
    run[name]()
    moon.synchronize()
    local share, gap = stop()
    report(name .. ":ticks_share", share)
    report(name .. ":gap_p99.9_ms", gap)
  end
  os.remove(path)
end)
