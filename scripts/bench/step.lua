--- A network's training step. The cnn is the network of step_onednn.c.
--
--   moonseed step.lua THREADS STEPS cnn|resnet9|resnet18 [BATCHES DTYPE]
--
-- BATCHES: with commas, 128 unless given; DTYPE: of moon.autocast.

local moon = require "moonseed"
local memory = require "memory"
local rounds = require "rounds"
local nn, optim = moon.nn, moon.optim

local threads, steps, name = tonumber(arg[1]), tonumber(arg[2]), arg[3]
local batches, dtype = arg[4], arg[5] or "f32"

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

-- Images and their labels.
local function make(batch)
  local classes = {}
  for i = 1, batch do classes[i] = (i - 1) * 7 % 10 end
  return { rounds.channels_last(moon.randn(batch, 3, 32, 32)),
           moon.tensor(classes, { dtype = "i64" }), n = batch,
           what = batches and ("%s,%d"):format(what, batch) or what }
end

local sets = {}
for i, n in ipairs(rounds.numbers(batches or "128")) do sets[i] = make(n) end

local function find_loss(set)
  return nn.cross_entropy(model(set[1]), set[2])
end

local function measure(set, report)
  memory.forget_peak()
  local begin, loss = rounds.ms(), nil
  for _ = 1, steps do
    loss = moon.autocast(dtype, function() return find_loss(set) end)
    opt:zero_grad()
    loss:backward()
    opt:step()
  end
  moon.synchronize()
  local seconds = (rounds.ms() - begin) / 1e3
  local _, peak = memory.mb()
  report(set.what .. ":images_per_s", steps * set.n / seconds)
  report(set.what .. ":loss", loss:item())
  if rounds.on_gpu then
    local stats = moon.stats()
    report(set.what .. ":device_mb",
           (stats.live_bytes + stats.cached_bytes) / 2 ^ 20)
  else
    report(set.what .. ":peak_mb", peak)
    report(set.what .. ":own_peak_mb", peak - base)
  end
end

rounds.run(function(report)
  for _, set in ipairs(sets) do measure(set, report) end
end)
