--- seed.explore: looks for what to plant while training goes on. It copies the
--- model, storage and all, and holds tournaments on the copy in a task of its
--- own.
--
--   local search = seed.explore{ model, { { slot = "early",
--     blueprints = { "norm", "conv_light" } } }, data = train,
--     budget = { batches = 200 } }
--   ...
--   local best = search:await()[1]      -- { slot =, blueprint =, loss =, ... }

local check = require "moonseed.check"
local moon = require "moonseed"
local nn = require "moonseed.nn"
local Garden = require "moonseed.seed.garden"
local tournament = require "moonseed.seed.tournament"

local known = { data = check.optional, valid = check.optional,
                budget = check.optional, rng_seed = 0,
                classes = check.optional, incubation = check.optional }

-- The garden that the model's slots are in, or nil; and the slots' names.
local function surroundings(model)
  local garden, names = nil, {}
  for _, module in model:modules() do
    if module.list and module.plan_forward then
      garden = garden or module.list[1].garden
      names[#names + 1] = module.name
    end
  end
  return garden, names
end

-- Names of blueprints alone are for every slot.
local function for_slots(list, slots)
  check.table("explore", "the candidates", list)
  if type(list[1]) ~= "string" then return list end
  local entries = {}
  for i, name in ipairs(slots) do
    entries[i] = { slot = name, blueprints = list }
  end
  return entries
end

local function check_candidates(list)
  for i, entry in ipairs(list) do
    check.table("explore", ("candidate %d"):format(i), entry)
    check.names("explore", entry, { slot = true, blueprints = true })
    check.text("explore", ("slot of candidate %d"):format(i), entry.slot)
    check.table("explore", ("blueprints of candidate %d"):format(i),
                entry.blueprints)
  end
  if #list == 0 then
    check.fail("explore", "the list of candidates is empty")
  end
end

-- All tournaments; the batches are shared out among them.
local function search(garden, o, batches)
  local found = {}
  local each = math.max(1, math.floor(batches / #o.candidates))
  for _, entry in ipairs(o.candidates) do
    local ranks = tournament{ garden:slot(entry.slot), entry.blueprints,
                              batches = each, data = o.data, valid = o.valid,
                              rng_seed = o.rng_seed }
    for _, r in ipairs(ranks) do
      r.slot = entry.slot
      found[#found + 1] = r
    end
  end
  table.sort(found, function(a, b)
    return (a.improvement or -math.huge) > (b.improvement or -math.huge)
  end)
  return found
end

--- seed.explore{ model, candidates, data = , valid = , rng_seed = 0,
---               budget = { batches = 200 } }
--- data, valid: the garden's that the model is in, unless given.
---@param options table  candidates: a list of { slot =, blueprints = {} }, or
---                      names of blueprints, for every slot
---@return table task  whose result is a list as a tournament's, each with its
---                    slot, the one that improves most first
return function(options)
  local o = check.options("explore", options, { "model", "candidates" }, known)
  if not nn.Module.is(o.model) then
    check.fail("explore", "expects a model, not a %s", type(o.model))
  end
  local around, names = surroundings(o.model)
  o.candidates = for_slots(o.candidates, names)
  check_candidates(o.candidates)
  o.data = o.data or around and around.train
  o.valid = o.valid or around and around.valid
  if not o.data then
    check.fail("explore", "learns from data = dataset; there is no garden "
               .. "with train either")
  end
  local budget = check.options("explore: budget", o.budget, {},
                               { batches = 200 })
  check.count("explore", "budget.batches", budget.batches, 1)
  local copy = nn.copy(o.model)
  local garden = Garden{ copy, valid = o.valid, classes = o.classes,
                         incubation = o.incubation, rng_seed = o.rng_seed }
  for _, entry in ipairs(o.candidates) do garden:slot(entry.slot) end
  return moon.spawn(function()
    local found = search(garden, o, budget.batches)
    garden:close()
    return found
  end, { name = "explore" })
end
