--- The small network's training step: the one of step_onednn.c.
--
--   moonseed step.lua THREADS STEPS

local moon = require "moonseed"
local rounds = require "rounds"
local nn, optim = moon.nn, moon.optim

local threads, steps = tonumber(arg[1]), tonumber(arg[2])
local BATCH = 128

moon.set_threads(threads)
moon.manual_seed(1)
local model = nn.Sequential{
  nn.Conv2d{ 3, 32, kernel = 3, padding = 1 }, nn.ReLU{},
  nn.Conv2d{ 32, 64, kernel = 3, padding = 1 }, nn.ReLU{},
  nn.MaxPool2d{ 2 },
  nn.Conv2d{ 64, 128, kernel = 3, padding = 1 }, nn.ReLU{},
  nn.GlobalAvgPool2d{}, nn.Linear{ 128, 10 },
}
local opt = optim.SGD{ model, lr = 0.05, momentum = 0.9 }
local x = rounds.channels_last(moon.randn(BATCH, 3, 32, 32))
local classes = {}
for i = 1, BATCH do classes[i] = (i - 1) * 7 % 10 end
local labels = moon.tensor(classes, { dtype = "i64" })

rounds.run(function(report)
  local begin, loss = rounds.ms(), nil
  for _ = 1, steps do
    loss = nn.cross_entropy(model(x), labels)
    opt:zero_grad()
    loss:backward()
    opt:step()
  end
  moon.synchronize()
  local seconds = (rounds.ms() - begin) / 1e3
  report("step:images_per_s", steps * BATCH / seconds)
  report("step:loss", loss:item())
end)
