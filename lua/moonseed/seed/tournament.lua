--- seed.tournament: several blueprints learn at once for one place, each on a
--- stream of its own, over the same features of the host, which stands still
--- and notices nothing. The numbers are those of one after another.
--
--   for rank, r in ipairs(seed.tournament{ slot, { "norm", "depthwise" },
--                                          batches = 50, data = train }) do
--     print(rank, r.blueprint, r.loss, r.improvement)
--   end
--
-- Each candidate learns as a seed in TRAINING does (incubator.lua). Their heads
-- start with the same values, and so does that of a bare head without a seed:
-- `improvement` is how much lower a candidate's loss is than that head's.
--
-- The result is a function of the host's weights and statistics, the data, the
-- options and a blueprint's place in the list. Features come from the host as
-- it stands at each batch, in evaluation: seeds in slots before this one take
-- part with the alphas that they have now. A task that trains the host
-- meanwhile moves them; seed.explore, which copies the model, is for that.
--
-- A winner is planted by its name, slot:germinate(r.blueprint), and learns
-- again: a seed is the identity at birth, which trained weights are not.

local check = require "moonseed.check"
local context = require "moonseed.context"
local moon = require "moonseed"
local blueprint = require "moonseed.seed.blueprint"
local Candidate = require "moonseed.seed.candidate"
local frozen = require "moonseed.seed.frozen"
local Incubator = require "moonseed.seed.incubator"
local Measures = require "moonseed.seed.measures"
local Slot = require "moonseed.seed.slot"
local Tail = require "moonseed.seed.tail"

local JUDGED = 2048  -- examples at most
local BATCH = 256    -- of them
local LOOK = 16      -- examples that blueprints are built for

local known = { batches = 50, batch = 128, data = check.optional,
                valid = check.optional, rng_seed = 0, concurrent = true,
                halving = false }

local function check_blueprints(list)
  check.table("tournament", "the list of blueprints", list)
  if #list == 0 then
    check.fail("tournament", "the list of blueprints is empty")
  end
  for _, name in ipairs(list) do blueprint.get(name) end
end

-- As the garden's seeds learn, but always by their own loss.
local function incubation_of(garden, slot)
  local o = {}
  for name, value in pairs(garden.incubation or {}) do o[name] = value end
  o.through, o.classes = nil, o.classes or garden.classes
  o = Incubator.options(o)
  o.alone = true
  if o.tail == true then o.tail = Tail.new(garden.model, slot) end
  return o
end

local function check_options(o)
  if getmetatable(o.slot) ~= Slot then
    check.fail("tournament", "expects a slot, not %s", type(o.slot))
  end
  o.slot:seed():need_garden("tournament")
  check_blueprints(o.blueprints)
  check.count("tournament", "batches", o.batches, 1)
  check.count("tournament", "batch", o.batch, 1)
  check.count("tournament", "rng_seed", o.rng_seed)
  check.boolean("tournament", "concurrent", o.concurrent)
  check.boolean("tournament", "halving", o.halving)
  local garden = o.slot:seed().garden
  o.garden = garden
  o.data = o.data or garden.train
  o.valid = o.valid or garden.valid or o.data
  if o.data == nil then
    check.fail("tournament", "learns from data = dataset; the garden has no "
               .. "train either")
  end
  frozen.check("tournament: data", o.data)
  frozen.check("tournament: valid", o.valid)
  o.incubation = incubation_of(garden, o.slot)
  return o
end

-- The candidates; the bare head is one without a seed.
local function gather(o, read)
  local options = {
    features = read(o.data:narrow(1, math.min(LOOK, #o.data)).x),
    incubation = o.incubation, rng_seed = o.rng_seed,
    concurrent = o.concurrent, measures = Measures.new(#o.blueprints + 1),
  }
  local list = {}
  for i, name in ipairs(o.blueprints) do
    list[i] = Candidate.new(name, i, options)
  end
  if o.incubation.tail then return list end
  return list, Candidate.new("noop", 0, options)
end

-- Best first: those that did not fail, that learned longest, by their losses.
local function better(a, b)
  if (a.failed == nil) ~= (b.failed == nil) then return a.failed == nil end
  if not a.failed then
    if a.batches ~= b.batches then return a.batches > b.batches end
    if a.loss ~= b.loss then return a.loss < b.loss end
  end
  return a.index < b.index
end

local function judge(o, read, list, bare)
  local part = o.valid:narrow(1, math.min(JUDGED, #o.valid))
  for x, y in part:batches{ BATCH } do
    moon.tidy(function()
      local h, losses = read(x), {}
      if bare then losses[1] = bare:judge(h, y) end
      for _, c in ipairs(list) do losses[#losses + 1] = c:judge(h, y) end
      return losses
    end)
  end
  local base = bare and bare:settle()
  for _, c in ipairs(list) do
    local loss = c:settle()
    c.improvement = base and base > 0 and loss and 1 - loss / base or nil
  end
end

-- After how many batches the candidates are judged; `last` is the end. By
-- halves, each round is twice as long as the one before, so that all rounds
-- cost the same.
local function rounds(o)
  if not o.halving then return { o.batches } end
  local n = math.max(1, math.ceil(math.log(#o.blueprints) / math.log(2)))
  local ends = {}
  for r = 1, n do
    local e = math.floor(o.batches * (2 ^ r - 1) / (2 ^ n - 1))
    if e > (ends[#ends] or 0) then ends[#ends + 1] = e end
  end
  return ends
end

local function learn(read, next_batch, list, bare)
  local x, y = next_batch()
  moon.tidy(function()
    local h = read(x)
    if bare then bare:learn(h, y) end
    for _, c in ipairs(list) do c:learn(h, y) end
  end)
end

local function compete(o)
  local read = frozen.reader(o.garden, o.slot)
  local all, bare = gather(o, read)
  local next_batch = frozen.batches(o.data, o.batch, o.rng_seed)
  local alive, done = { unpack(all) }, 0
  for round, stop in ipairs(rounds(o)) do
    local keep = math.ceil(#all / 2 ^ (round - 1))
    for i = keep + 1, #alive do alive[i] = nil end
    for _ = done + 1, stop do learn(read, next_batch, alive, bare) end
    done = stop
    judge(o, read, alive, bare)
    table.sort(alive, better)
  end
  table.sort(all, better)
  local list = {}
  for i, c in ipairs(all) do
    list[i] = { blueprint = c.blueprint, index = c.index, loss = c.loss,
                improvement = c.improvement, failed = c.failed,
                batches = not c.failed and c.batches or nil,
                parameters = c.cost and c.cost.parameters,
                flops = c.cost and c.cost.flops, module = c.module }
  end
  return list
end

--- seed.tournament{ slot, blueprints, batches = 50, batch = 128, data = ,
---   valid = , rng_seed = 0, concurrent = true, halving = false }
--- data: what candidates learn from (the garden's `train` unless given);
--- valid: what they are judged on (the garden's). halving: the worse half
--- leaves again and again (successive halving, Jamieson and Talwalkar 2016);
--- those that stay learn what they would have learned without. A candidate that
--- fails, or whose loss is no finite number, comes last, and `failed` says why.
---@param options table
---@return table[]  best first: blueprint, index (its place in the list), loss,
---                 improvement, failed, batches (that it learned from; nil if
---                 it failed), parameters, flops (per image), module
return function(options)
  local o = check_options(check.options("tournament", options,
                                        { "slot", "blueprints" }, known))
  return moon.tidy(function()
    return context.isolated(context.generator_state(o.rng_seed), compete, o)
  end)
end
