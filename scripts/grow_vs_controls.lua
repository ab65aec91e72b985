-- Growth against honest controls on Fashion-MNIST, in one table.
--
--   moonseed scripts/grow_vs_controls.lua > controls.txt
--   moonseed scripts/grow_vs_controls.lua --repeats 2 --rounds 6   a quick look
--
-- For each host and each repeat (a seed of the random numbers): growth by the
-- plateau policy; no growth; the host as it is, without slots; what growth
-- ended with, from scratch; a random policy; a fixed schedule. All see the same
-- images in the same order; growth looks at the validation split alone, and
-- the test split is read once, at the end of a run.
local argparse = require "argparse"
local growing = require "growing"
local moon = require "moonseed"
local statistics = require "statistics"
local uv = require "luv"
local optim, seed = moon.optim, moon.seed

local parser = argparse("grow_vs_controls.lua", "Growth against controls.")
parser:option("--repeats", "Of each arm (5).", 5):convert(tonumber)
parser:option("--rounds", "Of 100 steps each (30).", 30):convert(tonumber)
parser:option("--host", "impaired or ordinary; both, unless given.")

local BATCH, STEPS, PEAK_RATE = 96, 100, 0.04
local SHAPE = { 1, 1, 28, 28 }
local BLUEPRINTS = { "conv_heavy", "conv_light", "attention", "bottleneck" }

local folder = arg[0]:match "^(.*/)" or "./"

-- Epochs are rounds.
local SCHEDULE = {
  { epoch = 3, slot = "early", action = "germinate", blueprint = "conv_heavy" },
  { epoch = 6, slot = "middle", action = "germinate",
    blueprint = "conv_heavy" },
  { epoch = 9, slot = "late", action = "germinate", blueprint = "conv_heavy" },
}

-- --- arms ------------------------------------------------------------------

local function policy(name, config)
  return { path = folder .. "policies/" .. name .. ".lua",
           config = config or {} }
end

local arms = {
  { "growth", policy("plateau", { stall_epochs = 2, max_live = 2 }) },
  { "no growth", policy "off" },
  { "static, initial" },
  { "static, final" },
  { "random policy", policy("random") },
  { "fixed schedule", policy("fixed", { schedule = SCHEDULE }) },
}

local function nothing() return nil end

-- A host with the modules that `grown` had in its slots, from scratch.
local function final_form(host, grown)
  return growing.hosts[host](function(name)
    local blueprint = grown[name]
    return blueprint and seed.blueprint.build(blueprint.name, blueprint.shape)
  end)
end

local function build(host, arm, grown)
  if arm[1] == "static, initial" then return growing.hosts[host](nothing) end
  if arm[1] == "static, final" then return final_form(host, grown) end
  return growing.hosts[host]()
end

-- What each slot holds at the end.
local function harvest(garden)
  local grown = {}
  for _, s in ipairs(garden:seeds()) do
    if s:stage() == "FOSSILIZED" then
      grown[s.slot.name] = { name = s.blueprint, shape = s.shape }
    end
  end
  return grown
end

-- --- a run -----------------------------------------------------------------

-- FLOPs of a step's forward and backward, about three forwards: the model with
-- what takes part in it, and what incubates beside it.
local function step_flops(run)
  local flops = run.host_flops
  for _, s in ipairs(run.garden and run.garden:seeds() or {}) do
    if s.module then flops = flops + seed.cost.of(s.module, s.shape).flops end
  end
  return 3 * flops * BATCH
end

local function train(run, data, rounds)
  local next_batch = growing.endless(data, BATCH)
  for round = 1, rounds do
    for step = 1, STEPS do
      run.opt.lr = growing.rate((round - 1 + (step - 1) / STEPS) / rounds,
                                PEAK_RATE)
      growing.step(run, next_batch())
    end
    run.flops = run.flops + STEPS * step_flops(run)
    if run.garden then run.garden:epoch() end
  end
end

local function start(host, arm, repetition, data, grown)
  moon.manual_seed(repetition)
  local run = { model = build(host, arm, grown), flops = 0 }
  run.host_flops = seed.cost.of(run.model, SHAPE).flops
  run.opt = optim.SGD{ run.model, lr = 0, momentum = 0.9, nesterov = true,
                       weight_decay = 5e-4 }
  if arm[2] then
    run.garden = seed.Garden{
      run.model, policy = arm[2].path, config = arm[2].config,
      governor = true, optim = run.opt, valid = data.valid,
      rng_seed = repetition, blueprints = BLUEPRINTS,
      blending = { steps = STEPS } }
  end
  return run
end

local function measure(host, arm, repetition, data, options, grown)
  local run = start(host, arm, repetition, data, grown)
  local since = uv.hrtime()
  train(run, data.train, options.rounds)
  moon.synchronize()
  local seconds = (uv.hrtime() - since) / 1e9
  local cost = seed.cost.of(run.model, SHAPE)
  if run.garden then
    grown = harvest(run.garden)
    run.garden:close()
  end
  local test = seed.evaluate.accuracy(run.model, data.test)
  return { accuracy = 100 * test.accuracy, parameters = cost.parameters,
           flops = cost.flops, training = run.flops, seconds = seconds,
           grown = grown }
end

-- --- the table -------------------------------------------------------------

local function values(list, name)
  local found = {}
  for i, r in ipairs(list) do found[i] = r[name] end
  return found
end

local function mean(list, name) return statistics.mean(values(list, name)) end

local function print_row(arm, list)
  print(("%-16s %6.2f +- %4.2f  %8.0f  %8.2f  %9.2f  %7.1f"):format(
    arm[1], mean(list, "accuracy"),
    statistics.half_interval(values(list, "accuracy")),
    mean(list, "parameters"), mean(list, "flops") / 1e6,
    mean(list, "training") / 1e12, mean(list, "seconds")))
end

local function compare(host, data, options)
  print(("\n%s host, %d repeats of %d steps\n"):format(
    host, options.repeats, options.rounds * STEPS))
  print "arm              test accuracy     para-   MFLOPs,  training,"
  print "                 +- 95%           meters  an image     TFLOPs  seconds"
  local results = {}
  for i in ipairs(arms) do results[i] = {} end
  for repetition = 1, options.repeats do
    local grown
    for i, arm in ipairs(arms) do
      local r = measure(host, arm, repetition, data, options, grown)
      if i == 1 then grown = r.grown end
      results[i][repetition] = r
      io.stderr:write(("%s, %s, repeat %d: %.2f%%\n"):format(
        host, arm[1], repetition, r.accuracy))
    end
  end
  for i, arm in ipairs(arms) do print_row(arm, results[i]) end
end

local function main()
  local options = parser:parse()
  local all = moon.data.fashion_mnist{ "train" }
  local train_split, valid = all:split{ 5000, rng_seed = 1 }
  local data = { train = train_split, valid = valid:narrow(1, 2000),
                 test = moon.data.fashion_mnist{ "test" } }
  for _, host in ipairs{ "impaired", "ordinary" } do
    if not options.host or options.host == host then
      compare(host, data, options)
    end
  end
end

main()
