-- A network too small for Fashion-MNIST that grows while it trains.
--
--   moonseed scripts/grow_fashion.lua           as `make demo`
--   moonseed scripts/grow_fashion.lua --policy scripts/policies/ucb.lua
--
-- The policy file decides what is planted where, and when. Edit it while this
-- runs: from the next round on the new one decides.
local argparse = require "argparse"
local growing = require "growing"
local moon = require "moonseed"
local uv = require "luv"
local optim, seed = moon.optim, moon.seed

local function count(text)
  local n = tonumber(text)
  return n and n >= 1 and n % 1 == 0 and n or nil
end

local folder = arg[0]:match "^(.*/)" or "./"

local parser = argparse("grow_fashion.lua",
                        "Grows a small network on Fashion-MNIST.")
parser:option("--rounds", "Rounds of 250 steps (36).", 36):convert(count)
parser:option("--policy", "Who decides (policies/plateau.lua, here).",
              folder .. "policies/plateau.lua")
parser:option("--rng-seed", "Of the random numbers (1).", 1):convert(tonumber)
parser:option("--threads", "CPU cores to use; all, unless given.")
  :convert(count)

local BATCH, STEPS, PEAK_RATE = 96, 250, 0.04

-- One line for each that was planted.
local function rows(garden)
  local list = {}
  for _, s in ipairs(garden:seeds()) do
    local planted
    for _, event in ipairs(s:history()) do
      if event.stage == "GERMINATED" then
        planted = { slot = event.slot, seed = event.seed,
                    blueprint = event.blueprint, planted_at = event.step }
        list[#list + 1] = planted
      end
      if planted then planted.stage = event.stage end
    end
    if planted and s.module then
      local cost = seed.cost.of(s.module, s.shape)
      planted.contribution = s.contribution
      planted.parameters, planted.flops = cost.parameters, cost.flops
    end
  end
  return list
end

local function tell(event)
  local line = seed.text.event(event)
  if line then print(line) end
end

-- A run this short cannot wait long.
local function config_of(path)
  if not path:find "plateau" then return {} end
  return { stall_epochs = 2, max_live = 2 }
end

local function train(options, run, data)
  local next_batch = growing.endless(data, BATCH)
  for round = 1, options.rounds do
    local since, total = uv.hrtime(), moon.zeros(1)
    for step = 1, STEPS do
      local part = (round - 1 + (step - 1) / STEPS) / options.rounds
      run.opt.lr = growing.rate(part, PEAK_RATE)
      total:add_(growing.step(run, next_batch()))
    end
    local found = run.garden:epoch()
    print(("round %2d of %d: loss %.4f, valid %.2f%%, %.0f images/s"):format(
      round, options.rounds, total:item() / STEPS, 100 * found.accuracy,
      STEPS * BATCH * 1e9 / (uv.hrtime() - since)))
  end
end

local function main()
  local options = parser:parse()
  if options.threads then moon.set_threads(options.threads) end
  moon.manual_seed(options.rng_seed)
  local all = moon.data.fashion_mnist{ "train" }
  local data, valid = all:split{ 5000, rng_seed = 1 }
  local model = growing.hosts.impaired()
  local opt = optim.SGD{ model, lr = 0, momentum = 0.9, nesterov = true,
                         weight_decay = 5e-4 }
  local garden = seed.Garden{
    model, policy = options.policy, config = config_of(options.policy),
    governor = true, optim = opt,
    valid = valid, rng_seed = options.rng_seed, on_event = tell,
    blending = { steps = STEPS, curve = "cosine" },
    blueprints = { "conv_heavy", "conv_light", "attention", "bottleneck" },
  }
  train(options, { model = model, opt = opt, garden = garden }, data)
  print()
  print(seed.lanes.draw(seed.lanes.of(garden.list, garden.steps)))
  print(seed.text.table(rows(garden)))
  garden:close()
  local test = moon.data.fashion_mnist{ "test" }
  print(("test accuracy %.2f%%"):format(
    100 * seed.evaluate.accuracy(model, test).accuracy))
end

main()
