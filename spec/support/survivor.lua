-- A run with growth that may be killed at any moment; run by moonseed.
--
--   survivor.lua FOLDER EPOCHS [OPTIMISER]   begins in the folder, or goes on
--               there, and prints a digest of the model at the end
--
-- A policy with random numbers decides; seeds blend by a gate.

package.path = "spec/?.lua;" .. package.path
local checkpoint = require "moonseed.train.checkpoint"
local gardens = require "support.garden"
local moon = require "moonseed"
local optim, seed = moon.optim, moon.seed

local out, epochs, kind = arg[1], tonumber(arg[2]), arg[3]

-- The same data in every process.
moon.manual_seed(11)
local train, valid = gardens.data(320), gardens.data(64)

local function begin()
  moon.manual_seed(3)
  local model = gardens.model()
  local opt = kind and optim.rebuild({ kind, lr = 0.005 }, model)
    or optim.SGD{ model, lr = 0.05, momentum = 0.9 }
  local garden = seed.Garden{
    model, policy = out .. "/policy.lua", governor = true, optim = opt,
    train = train, valid = valid, classes = 4, gates = "permissive",
    blending = { steps = 15, kind = "gate" }, rng_seed = 3,
    blueprints = { "norm", "conv_small", "attention" },
  }
  return moon.train.fit{ model, optim = opt, train = train, valid = valid,
                         epochs = epochs, batch = 32, garden = garden,
                         out = out, every = 7, keep = 2, quiet = true,
                         schedule = "cosine", rng_seed = 5 }
end

local function go_on()
  return moon.train.resume{ out, train = train, valid = valid }
end

local function digest(model)
  local names, state = {}, model:state()
  for name in pairs(state) do names[#names + 1] = name end
  table.sort(names)
  local sum = 0
  for _, name in ipairs(names) do
    for i, v in ipairs(state[name]:to("f64"):reshape(-1):totable()) do
      sum = sum + v * (i * 7919 % 1013 + #name)
    end
  end
  return ("%d tensors, %.17g"):format(#names, sum)
end

local run = #checkpoint.list(out) > 0 and go_on() or begin()
run:await()
print("digest " .. digest(run.model))
run.garden:close()
