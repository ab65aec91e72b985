--- Counterfactual contribution: what each living seed is worth on data that
--- nothing was trained on, found by passes with and without it.
---
---   local result = contribution.measure{ model, data = valid, slots = slots }
---   result.early[1].accuracy      -- lost without seed 1 of slot "early"
---
--- With n living seeds there are 2^n models, each with some of them left out.
--- Up to FACTORIAL seeds all are measured, so their Shapley values and the
--- interactions of pairs are exact; with more, those on the way of `samples`
--- random orders, and those with one seed left out. `shares = false` measures
--- only these last, n + 1 models.
---
--- The passes share what comes before the first such slot, and leave no trace
--- in a training run (counterfactual.lua).
local check = require "moonseed.check"
local counterfactual = require "moonseed.seed.counterfactual"
local Module = require "moonseed.nn.module"
local shapley = require "moonseed.seed.shapley"

local M = {}

local FACTORIAL = 4

local living = { BLENDING = true, HOLDING = true, FOSSILIZED = true }

-- Fields of the result beside the slots' names.
local taken = { baseline = true, passes = true, prefix_passes = true,
                prefix_steps = true, samples = true, interactions = true }

local known = {
  data = check.required,
  slots = check.required,
  batch = 256,
  batches = check.optional,  -- at most so many, from the first; nil: all
  samples = 32,              -- random orders, with more than FACTORIAL seeds
  rng_seed = 0,              -- of those orders
  shares = true,             -- false: only each seed against the whole model
}

local function read_options(options)
  local op = "contribution"
  local o = check.options(op, options, { "model" }, known)
  if not Module.is(o.model) then
    check.fail(op, "the model is an nn.Module, not a %s", type(o.model))
  end
  check.table(op, "slots", o.slots)
  check.count(op, "batch", o.batch, 1)
  if o.batches then check.count(op, "batches", o.batches, 1) end
  check.count(op, "samples", o.samples, 1)
  check.count(op, "rng_seed", o.rng_seed)
  check.boolean(op, "shares", o.shares)
  if #o.data == 0 or not o.data.labelled then
    check.fail(op, "the data has %d examples with%s targets", #o.data,
               o.data.labelled and "" or "out")
  end
  for _, slot in ipairs(o.slots) do
    if taken[slot.name] then
      check.fail(op, "a slot named '%s' has no place in the result", slot.name)
    end
  end
  return o
end

-- Whether the seed takes part in the slot's forward; one that has failed or
-- is disabled already does not.
local function takes_part(slot, seed)
  local off = slot.disabled and slot.disabled[seed.index]
  return seed.module ~= nil and living[seed:stage()] and not seed.failure
    and not off
end

-- The seeds that take part, as players: { slot, index }; and their slots.
local function find_players(slots)
  local players, with_players = {}, {}
  for _, slot in ipairs(slots) do
    local found = false
    for _, seed in ipairs(slot:seeds()) do
      if takes_part(slot, seed) then
        players[#players + 1] = { slot = slot, index = seed.index }
        found = true
      end
    end
    if found then with_players[#with_players + 1] = slot end
  end
  return players, with_players
end

-- --- which passes --------------------------------------------------------

-- Calls ask(coalition) for every coalition that the result needs.
local function each_coalition(n, o, ask)
  ask(shapley.all(n))
  for i = 1, n do ask(shapley.without(shapley.all(n), i)) end
  if not o.shares then return end
  local function value(coalition) ask(coalition) return 0 end
  if n <= FACTORIAL then
    shapley.exact(n, value)
  else
    shapley.sampled(n, value, o.samples, shapley.rng(o.rng_seed))
  end
end

local function list_coalitions(n, o)
  local list, seen = {}, {}
  each_coalition(n, o, function(coalition)
    if seen[coalition] then return end
    seen[coalition] = true
    list[#list + 1] = coalition
  end)
  return list
end

-- By slot: what `disabled` is while only this coalition takes part.
local function disabled_for(coalition, players, slots)
  local by_slot = {}
  for _, slot in ipairs(slots) do
    local set = {}
    for index, off in pairs(slot.disabled or {}) do set[index] = off end
    by_slot[slot] = set
  end
  for i, player in ipairs(players) do
    if not shapley.has(coalition, i) then
      by_slot[player.slot][player.index] = true
    end
  end
  return by_slot
end

-- --- the result ----------------------------------------------------------

-- What `with` has over `without`: above 0 where it is better.
local function gain(with, without)
  return { loss = without.loss - with.loss,
           accuracy = with.accuracy - without.accuracy }
end

-- Shapley values by player, their errors or interactions, of one quantity.
local function shares(n, o, results, what, sign)
  local function value(coalition) return sign * results[coalition][what] end
  if n <= FACTORIAL then return shapley.exact(n, value) end
  return shapley.sampled(n, value, o.samples, shapley.rng(o.rng_seed))
end

local function name_of(player)
  return { slot = player.slot.name, seed = player.index }
end

local function list_interactions(players, loss, accuracy)
  local list = {}
  for i = 1, #players do
    for j = i + 1, #players do
      list[#list + 1] = { name_of(players[i]), name_of(players[j]),
                          loss = loss[i][j], accuracy = accuracy[i][j] }
    end
  end
  return list
end

-- Adds what is shared out among all seeds to the entries, by player.
local function add_shares(result, entries, players, o, results)
  local n = #players
  local loss, more_loss = shares(n, o, results, "loss", -1)
  local accuracy, more_accuracy = shares(n, o, results, "accuracy", 1)
  for i, entry in ipairs(entries) do
    entry.shapley = { loss = loss[i], accuracy = accuracy[i] }
    if n > FACTORIAL then
      entry.error = { loss = more_loss[i], accuracy = more_accuracy[i] }
    end
  end
  if n <= FACTORIAL then
    result.interactions = list_interactions(players, more_loss, more_accuracy)
  else
    result.samples = o.samples
  end
end

local function collect(players, o, results)
  local all = shapley.all(#players)
  local result, entries = { baseline = results[all] }, {}
  for i, player in ipairs(players) do
    local name = player.slot.name
    entries[i] = gain(results[all], results[shapley.without(all, i)])
    result[name] = result[name] or {}
    result[name][player.index] = entries[i]
  end
  if o.shares then add_shares(result, entries, players, o, results) end
  return result
end

---@class Worth
---@field loss number      how much lower the mean loss is with the seed
---@field accuracy number  how much higher the share of correct images is
---@field shapley table|nil  { loss, accuracy }: the same, shared out among all
---@field error table|nil  { loss, accuracy }: standard errors of shapley, where
---                        it is an estimate

--- measure{ model, data =, slots =, batch = 256, batches = all, shares = true,
---          samples = 32, rng_seed = 0 }
---
--- data: a data set with class labels. slots: those whose seeds are measured,
--- as soon as they blend. Other seeds stay as they are.
---@param options table
---@return table result by slot name and seed index: Worth. And: `baseline`
---  { loss, accuracy } of the model as it is; `passes`, how many models were
---  measured; `prefix_passes`, how many batches shared a prefix, which is
---  `prefix_steps` long (both 0: the model could not be cut, see split.lua);
---  `interactions`, a list of { { slot, seed }, { slot, seed }, loss,
---  accuracy }, up to four seeds; else `samples`. Without `shares` neither
function M.measure(options)
  local o = read_options(options)
  local players, slots = find_players(o.slots)
  local coalitions, passes = list_coalitions(#players, o), {}
  for k, coalition in ipairs(coalitions) do
    passes[k] = disabled_for(coalition, players, slots)
  end
  if o.batches then
    o.data = o.data:narrow(1, math.min(#o.data, o.batches * o.batch))
  end
  local means, n_steps, n_batches =
    counterfactual.run(o.model, slots, passes, o.data, o.batch)
  local results = {}
  for k, coalition in ipairs(coalitions) do results[coalition] = means[k] end
  local result = collect(players, o, results)
  result.passes = #passes
  result.prefix_steps = n_steps
  result.prefix_passes = n_steps > 0 and n_batches or 0
  return result
end

return M
