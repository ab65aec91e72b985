--- seed.tournament: several blueprints learn at once for one place, each on a
--- stream of its own, over the same features of the host, which stands still
--- and notices nothing. The numbers are those of one after another.
--
--   for rank, r in ipairs(seed.tournament{ slot, { "norm", "depthwise" },
--                                          batches = 50, data = train }) do
--     print(rank, r.blueprint, r.loss, r.improvement)
--   end

local check = require "moonseed.check"
local context = require "moonseed.context"
local moon = require "moonseed"
local blueprint = require "moonseed.seed.blueprint"
local cost = require "moonseed.seed.cost"
local features = require "moonseed.seed.features"
local Incubator = require "moonseed.seed.incubator"
local Measures = require "moonseed.seed.measures"
local Seed = require "moonseed.seed.seed"

local known = { batches = 50, batch = 128, data = check.optional,
                valid = check.optional, rng_seed = 0, concurrent = true,
                halving = false }

local function check_options(o)
  if type(o.slot) ~= "table" or not o.slot.list then
    check.fail("tournament", "expects a slot, not %s", tostring(o.slot))
  end
  o.slot:seed(1):need_garden("tournament")
  check.table("tournament", "the blueprints", o.blueprints)
  if #o.blueprints == 0 then
    check.fail("tournament", "the list of blueprints is empty")
  end
  check.count("tournament", "batches", o.batches, 1)
  check.count("tournament", "batch", o.batch, 1)
  check.count("tournament", "rng_seed", o.rng_seed)
  check.boolean("tournament", "concurrent", o.concurrent)
  check.boolean("tournament", "halving", o.halving)
  local garden = o.slot:seed(1).garden
  o.data, o.valid = o.data or garden.train, o.valid or garden.valid
  if not o.data then
    check.fail("tournament", "learns from data = dataset; the garden has no "
               .. "train either")
  end
  return garden
end

-- A seed that is in no slot: it has all that an incubator needs.
local function candidate(o, garden, i, h, measures)
  local self = setmetatable({
    slot = o.slot, index = i, row = i - 1, measures = measures,
    blueprint = o.blueprints[i],
    generator = context.generator_state(o.rng_seed * 7919 + i),
    stream = o.concurrent and moon.streams():next() or nil,
  }, Seed)
  self.module = context.isolated(self.generator, blueprint.build,
                                 self.blueprint, h:shape())
  self.incubator = Incubator.new(self, h:shape(), garden:incubation_of())
  return self
end

-- Calls visit(h, y) for the features of up to n batches.
local function each_batch(o, garden, data, n, options, visit)
  local done = 0
  for x, y in data:batches(options) do
    if done == n then break end
    done = done + 1
    moon.tidy(function()
      local h = features.aside(garden, { o.slot }, function()
        garden.model(x)
        return o.slot.now.features
      end)
      visit(h, y)
    end)
  end
end

-- Mean losses of a candidate and of its bare head on what nobody learned from.
local function judge(o, garden, seeds)
  local sums = {}
  for i in ipairs(seeds) do sums[i] = { 0, 0 } end
  local n = 0
  each_batch(o, garden, o.valid or o.data, 8, { 256 }, function(h, y)
    n = n + h:size(1)
    for i, seed in ipairs(seeds) do
      local loss, base = seed.incubator:measure(h, y)
      sums[i][1] = (loss * h:size(1) + sums[i][1]):keep()
      if base then sums[i][2] = (base * h:size(1) + sums[i][2]):keep() end
    end
  end)
  for i, seed in ipairs(seeds) do
    seed.loss = sums[i][1]:item() / n
    local base = type(sums[i][2]) ~= "number" and sums[i][2]:item() / n
    seed.improvement = base and 1 - seed.loss / base or nil
  end
end

-- A loss that is not a number is the worst.
local function better(a, b)
  local x, y = a.loss, b.loss
  if x ~= x then x = math.huge end
  if y ~= y then y = math.huge end
  if x ~= y then return x < y end
  return a.index < b.index
end

local function learn(o, garden, seeds, n, epoch)
  each_batch(o, garden, o.data, n,
             { o.batch, shuffle = true, rng_seed = o.rng_seed + epoch,
               drop_last = true },
             function(h, y)
               for _, seed in ipairs(seeds) do seed.incubator:step(h, y) end
             end)
end

local function results(all, shape)
  local list = {}
  for i, seed in ipairs(all) do
    local costs = cost.of(seed.module, shape)
    list[i] = { blueprint = seed.blueprint, loss = seed.loss,
                improvement = seed.improvement, rounds = seed.rounds,
                parameters = costs.parameters, flops = costs.flops,
                module = seed.module }
  end
  return list
end

--- seed.tournament{ slot, blueprints, batches = 50, batch = 128, data = ,
---   valid = , rng_seed = 0, concurrent = true, halving = false }
--- data: what candidates learn from (the garden's `train` unless given);
--- valid: what they are judged on (the garden's). halving: after a third of
--- the batches left the worse half goes (successive halving, Jamieson and
--- Talwalkar 2016).
---@param options table
---@return table[]  best first: blueprint, loss, improvement, parameters,
---                 flops, rounds (batches it learned from), module
return function(options)
  local o = check.options("tournament", options, { "slot", "blueprints" },
                          known)
  local garden = check_options(o)
  local h = features.of(garden, o.slot)
  local measures, all, alive = Measures.new(#o.blueprints), {}, {}
  for i in ipairs(o.blueprints) do
    all[i] = candidate(o, garden, i, h, measures)
    all[i].rounds = 0
    alive[i] = all[i]
  end
  local left, round = o.batches, 0
  while left > 0 do
    local n = o.halving and #alive > 1 and math.ceil(left / 3) or left
    learn(o, garden, alive, n, round)
    for _, seed in ipairs(alive) do seed.rounds = seed.rounds + n end
    left, round = left - n, round + 1
    judge(o, garden, alive)
    table.sort(alive, better)
    if left > 0 then
      for i = #alive, math.ceil(#alive / 2) + 1, -1 do alive[i] = nil end
    end
  end
  table.sort(all, function(a, b)
    if a.rounds ~= b.rounds then return a.rounds > b.rounds end
    return better(a, b)
  end)
  return results(all, h:shape())
end
