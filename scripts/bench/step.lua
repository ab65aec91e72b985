--- A network's training step. The cnn is the network of step_onednn.c.
--
--   moonseed step.lua THREADS STEPS cnn|resnet9|resnet18

local moon = require "moonseed"
local memory = require "memory"
local rounds = require "rounds"
local nn, optim = moon.nn, moon.optim

local threads, steps, name = tonumber(arg[1]), tonumber(arg[2]), arg[3]
local BATCH = 128

local function cnn()
  return nn.Sequential{
    nn.Conv2d{ 3, 32, kernel = 3, padding = 1 }, nn.ReLU{},
    nn.Conv2d{ 32, 64, kernel = 3, padding = 1 }, nn.ReLU{},
    nn.MaxPool2d{ 2 },
    nn.Conv2d{ 64, 128, kernel = 3, padding = 1 }, nn.ReLU{},
    nn.GlobalAvgPool2d{}, nn.Linear{ 128, 10 },
  }
end

moon.set_threads(threads)
moon.manual_seed(1)
local base = memory.mb()
local model = name == "cnn" and cnn() or moon.models[name]{ 10 }
local what = name == "cnn" and "step" or name
local opt = optim.SGD{ model, lr = 0.05, momentum = 0.9 }
local x = rounds.channels_last(moon.randn(BATCH, 3, 32, 32))
local classes = {}
for i = 1, BATCH do classes[i] = (i - 1) * 7 % 10 end
local labels = moon.tensor(classes, { dtype = "i64" })

rounds.run(function(report)
  memory.forget_peak()
  local begin, loss = rounds.ms(), nil
  for _ = 1, steps do
    loss = nn.cross_entropy(model(x), labels)
    opt:zero_grad()
    loss:backward()
    opt:step()
  end
  moon.synchronize()
  local seconds = (rounds.ms() - begin) / 1e3
  local _, peak = memory.mb()
  report(what .. ":images_per_s", steps * BATCH / seconds)
  report(what .. ":loss", loss:item())
  report(what .. ":peak_mb", peak)
  report(what .. ":own_peak_mb", peak - base)
end)
