--- What seeds cost: a step (forward, backward, optimiser) of a host alone and
-- with 1, 2 and 4 seeds that blend, each on its own stream and one after
-- another; and a tournament of eight candidates, side by side and one after
-- another. At several sizes of the features at the slot.
--
--   moonseed slots.lua THREADS

local moon = require "moonseed"
local rounds = require "rounds"
local nn, optim, seed = moon.nn, moon.optim, moon.seed

local CLASSES = 10
local SEEDS = { 0, 1, 2, 4 }
-- Of the features: batch, channels, side; steps to time, batches to compete in.
local SIZES = { { 32, 8, 14, 20, 50 }, { 64, 16, 7, 20, 50 },
                { 64, 16, 14, 10, 20 }, { 64, 32, 28, 2, 5 } }
local RIVALS = { "norm", "attention", "depthwise", "bottleneck", "conv_small",
                 "conv_light", "noop", "norm" }
local BLUEPRINT = "conv_light"

local function labels(n)
  local list = {}
  for i = 1, n do list[i] = (i - 1) * 7 % CLASSES end
  return moon.tensor(list, { dtype = "i64" })
end

-- Images of one channel, so that the features are the slot's own work.
local function host(size, n_seeds, concurrent)
  local _, channels, side = unpack(size)
  moon.manual_seed(1)
  local model = nn.Sequential{
    nn.Conv2d{ 1, channels, kernel = 3, padding = 1 }, nn.ReLU{},
    seed.Slot{ "here", seeds = math.max(n_seeds, 1), concurrent = concurrent },
    nn.Conv2d{ channels, channels, kernel = 1 }, nn.ReLU{},
    nn.GlobalAvgPool2d{}, nn.Linear{ channels, CLASSES },
  }
  local data = moon.data.tensors{ moon.rand(512, 1, side, side), labels(512) }
  local garden = seed.Garden{ model, train = data, valid = data,
                              classes = CLASSES, gates = "permissive" }
  local slot = garden:slot "here"
  for i = 1, n_seeds do
    slot:germinate(BLUEPRINT, { seed = i, steps = 1e9 })
    for _ = 1, 2 do slot:advance{ force = true, seed = i } end
  end
  return model, garden, slot
end

-- A function that makes n steps; returns once they are complete.
local function training(size, n_seeds, concurrent)
  local model, garden = host(size, n_seeds, concurrent)
  local opt = optim.SGD{ model, lr = 0.01, momentum = 0.9 }
  local n, _, side = unpack(size)
  local x, y = moon.rand(n, 1, side, side), labels(n)
  return function(steps)
    for _ = 1, steps do
      moon.tidy(function()
        local loss = nn.cross_entropy(model(x), y)
        opt:zero_grad()
        loss:backward()
        opt:step()
        garden:step{ y = y }
      end)
    end
    moon.synchronize()
  end
end

local function metric(size, what)
  return ("slots:%dx%dx%dx%d:%s_ms"):format(size[1], size[2], size[3], size[3],
                                            what)
end

-- Adds { metric, function(), how many times it does it }.
local function add_steps(cases, size)
  local n_steps = size[4]
  local function add(what, n_seeds, concurrent)
    local train = training(size, n_seeds, concurrent)
    cases[#cases + 1] = { metric(size, what), function() train(n_steps) end,
                          n_steps }
  end
  for _, n_seeds in ipairs(SEEDS) do
    add(n_seeds == 0 and "host" or n_seeds .. "_beside", n_seeds, true)
    if n_seeds > 0 then add(n_seeds .. "_in_a_row", n_seeds, false) end
  end
end

-- Eight candidates beside one another; in a row, on one stream, over the same
-- features; and as eight tournaments of one, as without it.
local function add_tournaments(cases, size)
  local _, _, slot = host(size, 0, true)
  local function compete(blueprints, concurrent)
    seed.tournament{ slot, blueprints, batches = size[5], batch = size[1],
                     concurrent = concurrent }
    moon.synchronize()
  end
  local function add(what, fn)
    cases[#cases + 1] = { metric(size, "tournament_" .. what), fn, 1 }
  end
  add("beside", function() compete(RIVALS, true) end)
  add("in_a_row", function() compete(RIVALS, false) end)
  add("one_by_one", function()
    for _, rival in ipairs(RIVALS) do compete({ rival }, true) end
  end)
end

moon.set_threads(tonumber(arg[1]))
local cases = {}
for _, size in ipairs(SIZES) do
  add_steps(cases, size)
  add_tournaments(cases, size)
end

rounds.run(function(report)
  for _, case in ipairs(cases) do
    local name, run, n = unpack(case)
    local start = rounds.ms()
    run()
    report(name, (rounds.ms() - start) / n)
  end
end)
