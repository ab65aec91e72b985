--- seed.explore: looks for what to plant while training goes on. It copies the
--- model, storage and all, and holds tournaments on the copy in a task of its
--- own; the training has the bits that it has without.
--
--   local search = seed.explore{ model, { { slot = "early",
--     blueprints = { "norm", "conv_light" } } }, data = train,
--     budget = { batches = 200 } }
--   ...
--   local best = search:await()[1]      -- { slot =, blueprint =, loss =, ... }
--
-- What is found is found for the model as it was at the call, whatever is
-- trained meanwhile; so it is a function of that and of the options. Cancelling
-- the task gives the copy's memory back.

local check = require "moonseed.check"
local context = require "moonseed.context"
local moon = require "moonseed"
local nn = require "moonseed.nn"
local blueprint = require "moonseed.seed.blueprint"
local frozen = require "moonseed.seed.frozen"
local Garden = require "moonseed.seed.garden"
local Slot = require "moonseed.seed.slot"
local tournament = require "moonseed.seed.tournament"

local known = { data = check.optional, valid = check.optional, batch = 128,
                budget = check.optional, rng_seed = 0, halving = false,
                classes = check.optional, incubation = check.optional }

-- The model's slots, and the garden that they are in, or nil.
local function surroundings(model)
  local garden, slots = nil, {}
  for _, module in model:modules() do
    if getmetatable(module) == Slot then
      garden = garden or module:seed().garden
      slots[#slots + 1] = module.name
    end
  end
  if #slots == 0 then check.fail("explore", "the model has no seed.Slot") end
  return garden, slots
end

local function has(list, value)
  for _, item in ipairs(list) do
    if item == value then return true end
  end
  return false
end

local function check_entry(i, entry, slots)
  local who = ("candidate %d: "):format(i)
  check.table("explore", "candidate " .. i, entry)
  check.names("explore", entry, { slot = true, blueprints = true })
  check.text("explore", who .. "slot", entry.slot)
  if not has(slots, entry.slot) then
    check.fail("explore", "%sno slot '%s' (%s)", who, entry.slot,
               table.concat(slots, ", "))
  end
  check.table("explore", who .. "blueprints", entry.blueprints)
  if #entry.blueprints == 0 then
    check.fail("explore", "%sthe list of blueprints is empty", who)
  end
  for _, name in ipairs(entry.blueprints) do blueprint.get(name) end
end

-- { slot =, blueprints = } each; names of blueprints alone are for every slot.
local function read_candidates(list, slots)
  check.table("explore", "the list of candidates", list)
  if #list == 0 then
    check.fail("explore", "the list of candidates is empty")
  end
  local entries = {}
  if type(list[1]) == "string" then
    for i, name in ipairs(slots) do
      entries[i] = { slot = name, blueprints = { unpack(list) } }
    end
  else
    for i, entry in ipairs(list) do entries[i] = entry end
  end
  for i, entry in ipairs(entries) do check_entry(i, entry, slots) end
  return entries
end

-- How many batches each tournament has: all of the budget, in equal parts.
local function share_out(budget, entries)
  local o = check.options("explore: budget", budget, {}, { batches = 200 })
  check.count("explore", "budget.batches", o.batches, 1)
  local n = #entries
  if o.batches < n then
    check.fail("explore", "a budget of %d batches for %d tournaments",
               o.batches, n)
  end
  local shares = {}
  for i = 1, n do
    shares[i] = math.floor(o.batches * i / n)
      - math.floor(o.batches * (i - 1) / n)
  end
  return shares
end

-- As the garden around the model has it. A tail that is a part of the model
-- would be one of the original, which is trained.
local function incubation_of(o, around)
  local given = o.incubation or around and around.incubation
  if not given then return nil end
  local incubation = {}
  for name, value in pairs(given) do incubation[name] = value end
  if incubation.tail and o.incubation then
    check.fail("explore", "a tail belongs to the model, not to its copy")
  end
  incubation.tail = nil
  return incubation
end

-- Best first: those that did not fail, by how much they improve on a bare head
-- in their slot.
local function better(a, b)
  if (a.failed == nil) ~= (b.failed == nil) then return a.failed == nil end
  if a.improvement ~= b.improvement then
    return (a.improvement or -math.huge) > (b.improvement or -math.huge)
  end
  return a.place < b.place
end

local function search(garden, o)
  local found = {}
  for i, entry in ipairs(o.candidates) do
    local ranks = tournament{
      garden:slot(entry.slot), entry.blueprints, batches = o.shares[i],
      batch = o.batch, data = o.data, valid = o.valid, rng_seed = o.rng_seed,
      halving = o.halving }
    for _, r in ipairs(ranks) do
      r.slot, r.place = entry.slot, #found + 1
      found[#found + 1] = r
    end
  end
  table.sort(found, better)
  for _, r in ipairs(found) do r.place = nil end
  return found
end

local function check_options(o)
  if not nn.Module.is(o.model) then
    check.fail("explore", "expects a model, not a %s", type(o.model))
  end
  check.count("explore", "batch", o.batch, 1)
  check.count("explore", "rng_seed", o.rng_seed)
  check.boolean("explore", "halving", o.halving)
  local around, slots = surroundings(o.model)
  o.candidates = read_candidates(o.candidates, slots)
  o.shares = share_out(o.budget, o.candidates)
  o.data = o.data or around and around.train
  o.valid = o.valid or around and around.valid
  if o.data == nil then
    check.fail("explore", "learns from data = dataset; there is no garden "
               .. "with train either")
  end
  frozen.check("explore: data", o.data)
  if o.valid ~= nil then frozen.check("explore: valid", o.valid) end
  o.incubation = incubation_of(o, around)
  o.classes = o.classes or around and around.classes
  return o
end

--- seed.explore{ model, candidates, data = , valid = , batch = 128,
---               rng_seed = 0, halving = false, budget = { batches = 200 },
---               classes = , incubation = }
--- data, valid, classes, incubation: the garden's that the model is in, unless
--- given. budget.batches: of features, for all tournaments together, one for
--- each slot named. Copies the model at once; searches in the task.
---@param options table  candidates: a list of { slot =, blueprints = {} }, or
---                      names of blueprints, for every slot
---@return table task  whose result is a list as a tournament's, each with its
---                    slot, the one that improves most first
return function(options)
  local o = check_options(check.options("explore", options,
                                        { "model", "candidates" }, known))
  local garden = Garden{ nn.copy(o.model), valid = o.valid, train = o.data,
                         classes = o.classes, incubation = o.incubation,
                         rng_seed = o.rng_seed }
  garden:incubation_of()  -- which may be refused
  local generator = context.save_generator()
  local task = moon.spawn(function() return search(garden, o) end,
                          { name = "explore" })
  context.load_generator(generator)  -- tasks take from their parents'
  return task
end
