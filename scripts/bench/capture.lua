--- What moon.capture saves: training steps that are small enough for Lua and
-- the graph to matter, eager and captured.
--
--   moonseed capture.lua THREADS eager|captured
--
-- host_us: CPU time of the loop thread and the workers together, a step.

local moon = require "moonseed"
local rounds = require "rounds"
local nn, optim = moon.nn, moon.optim

local ROWS, STEPS = 9, 200

moon.set_threads(tonumber(arg[1]))
local wrap = arg[2] == "captured" and moon.capture
  or function(fn) return fn end

local function mlp()
  return nn.Sequential{ nn.Linear{ 64, 64 }, nn.ReLU{}, nn.Linear{ 64, 10 } }
end

local function cnn()
  return nn.Sequential{
    nn.Conv2d{ 1, 8, kernel = 3, padding = 1, bias = false },
    nn.BatchNorm2d{ 8 }, nn.ReLU{}, nn.MaxPool2d{ 2 },
    nn.Conv2d{ 8, 16, kernel = 3, padding = 1 }, nn.ReLU{},
    nn.GlobalAvgPool2d{}, nn.Linear{ 16, 10 } }
end

-- Steps with SGD and momentum on one batch of 32.
local function stepper(model, x)
  local opt = optim.SGD{ model, lr = 0.01, momentum = 0.9 }
  local y = moon.randint(0, 10, 32)
  local step = wrap(function(images, labels)
    local loss = nn.cross_entropy(model(images), labels)
    opt:zero_grad()
    loss:backward()
    opt:step()
    return loss
  end)
  return function() step(x, y) end
end

local function measure(report, name, step)
  local wall, host = {}, {}
  for i = 0, ROWS do
    moon.synchronize()
    local begin, used = rounds.ms(), os.clock()
    for _ = 1, STEPS do step() end
    moon.synchronize()
    if i > 0 then  -- the first warms up
      wall[i] = (rounds.ms() - begin) / STEPS
      host[i] = (os.clock() - used) / STEPS * 1e6
    end
  end
  report(name .. ":steps_per_s", 1000 / rounds.median(wall))
  report(name .. ":host_us", rounds.median(host))
end

rounds.run(function(report)
  measure(report, "mlp", stepper(mlp(), moon.randn(32, 64)))
  measure(report, "cnn", stepper(cnn(), moon.randn(32, 1, 8, 8)))
end)
