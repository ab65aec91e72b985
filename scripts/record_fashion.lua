-- A network that grows on Fashion-MNIST in a loop written by hand, and the
-- record of it; then its report.
--
--   moonseed scripts/record_fashion.lua runs/first
--   moonseed report runs/first
local argparse = require "argparse"
local growing = require "growing"
local moon = require "moonseed"
local Record = require "moonseed.train.record"
local uv = require "luv"
local optim, seed = moon.optim, moon.seed

local function count(text)
  local n = tonumber(text)
  return n and n >= 1 and n % 1 == 0 and n or nil
end

local folder = arg[0]:match "^(.*/)" or "./"

local parser = argparse("record_fashion.lua", "Records a run that grows.")
parser:argument("out", "Folder of the record; it is made.")
parser:option("--rounds", "Rounds of 250 steps (16).", 16):convert(count)
parser:option("--policy", "Who decides (policies/plateau.lua, here).",
              folder .. "policies/plateau.lua")
parser:option("--rng-seed", "Of the random numbers (1).", 1):convert(tonumber)

local BATCH, STEPS, PEAK_RATE = 96, 250, 0.04
local EVERY = 5  -- steps between the losses that are recorded

-- What is there after a step's backward: it is read a step later, so that
-- nobody waits for it.
local function gradient_statistics(model)
  local list = {}
  for name, p in model:parameters() do
    if p.grad and name:find "weight" then
      list[#list + 1] = { name = name, values = p:grad_stats():keep() }
    end
  end
  return list
end

local function record_gradients(record, step, list)
  for _, row in ipairs(list) do
    local norm, zeros, bad = unpack(row.values:totable())
    row.values:dispose()
    record:scalar("gradient/norm/" .. row.name, step, norm)
    record:scalar("gradient/zeros/" .. row.name, step, zeros)
    if bad > 0 then
      record:event("non_finite", { step = step, why = row.name })
    end
  end
end

local function one_round(run, next_batch, round)
  local record, garden = run.record, run.garden
  local since = uv.hrtime()
  for step = 1, STEPS do
    local part = (round - 1 + (step - 1) / STEPS) / run.rounds
    run.opt.lr = growing.rate(part, PEAK_RATE)
    local started = uv.hrtime()
    local loss = growing.step(run, next_batch())
    if step % EVERY == 0 then
      record:scalar("loss", garden.steps, loss:item())
      record:scalar("lr", garden.steps, run.opt.lr)
    end
    record:garden(garden)
    if step == STEPS then
      record_gradients(record, garden.steps, gradient_statistics(run.model))
      moon.synchronize()
      record:streams(garden.steps, moon.streams():recent(), started)
    end
  end
  local found = garden:epoch()
  record:scalar("valid_loss", garden.steps, found.loss)
  record:scalar("valid_accuracy", garden.steps, found.accuracy)
  record:scalar("images_per_s", garden.steps,
                STEPS * BATCH * 1e9 / (uv.hrtime() - since))
  record:garden(garden)
  print(("round %2d of %d: valid %.2f%%"):format(round, run.rounds,
                                                 100 * found.accuracy))
end

local function main()
  local options = parser:parse()
  moon.manual_seed(options.rng_seed)
  os.execute(("mkdir -p '%s'"):format(options.out:gsub("'", "'\\''")))
  local data, valid = moon.data.fashion_mnist{ "train" }
    :split{ 5000, rng_seed = 1 }
  local record = Record.open{
    options.out .. "/record.jsonl",
    meta = { batch = BATCH, rounds = options.rounds, policy = options.policy } }
  local model = growing.hosts.impaired()
  local opt = optim.SGD{ model, lr = 0, momentum = 0.9, nesterov = true,
                         weight_decay = 5e-4 }
  local garden = seed.Garden{
    model, policy = options.policy, governor = true, optim = opt,
    config = options.policy:find "plateau"
      and { stall_epochs = 1, max_live = 2 } or {},
    valid = valid, rng_seed = options.rng_seed,
    on_event = function(event) record:event(event.kind, event) end,
    blending = { steps = STEPS, curve = "cosine" },
    blueprints = { "conv_heavy", "conv_light", "attention", "bottleneck" },
  }
  local run = { model = model, opt = opt, garden = garden, record = record,
                rounds = options.rounds }
  local next_batch = growing.endless(data, BATCH)
  for round = 1, options.rounds do one_round(run, next_batch, round) end
  garden:close()
  record:close()
end

main()
