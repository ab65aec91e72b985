--- A garden in a checkpoint: seeds in any stage, what they remember, what the
--- policy and the governor know. `settle` waits for what seeds have in flight;
--- `save` takes copies and waits for nothing. `plant` makes the modules that
--- the model had, before its weights are loaded, and `load` does the rest.

local context = require "moonseed.context"
local codec = require "moonseed.seed.policy.codec"
local blueprint = require "moonseed.seed.blueprint"
local Incubator = require "moonseed.seed.incubator"
local nn = require "moonseed.nn"
local Schedule = require "moonseed.seed.schedule"
local stage = require "moonseed.seed.stage"

local M = {}

-- Plain fields of a seed, and of a garden, that are kept as they are.
local seed_fields = { "changes", "since", "past", "planted", "blueprint",
  "kind", "shape", "curve", "unchecked", "deviation", "contribution",
  "contribution_loss", "improvement", "gradient_ratio", "held_out", "failure" }
local garden_fields = { "steps", "epochs", "planned", "outcomes", "last" }
local schedule_fields = { "from", "to", "k", "steps", "curve", "steepness" }

local function pick(from, names)
  local t = {}
  for _, name in ipairs(names) do t[name] = from[name] end
  return t
end

-- What happened stays as it is.
local function freeze_all(list)
  for _, entry in ipairs(list) do codec.freeze(entry) end
  return list
end

local function put_back(into, from, names)
  for _, name in ipairs(names) do into[name] = from[name] end
end

-- --- seeds -----------------------------------------------------------------

-- The modules of a seed that are not the model's, by name.
local function own_modules(seed)
  local list = {}
  if seed.module and not stage.is_blended(seed:stage()) then
    list.module, list.gate = seed.module, seed.gate
  end
  local incubator = seed.incubator
  if incubator then
    list.head, list.base_head = incubator.head, incubator.base_head
  end
  return list
end

local function own_optimisers(seed)
  local incubator = seed.incubator or {}
  return { optimiser = incubator.optimiser,
           base_optimiser = incubator.base_optimiser }
end

local function prefix_of(row, name)
  return ("garden.seed%d.%s."):format(row, name)
end

local function save_seed(seed, archive)
  local row = seed.row
  for name, module in pairs(own_modules(seed)) do
    archive:put_all(prefix_of(row, name), module:state())
  end
  for name, optimiser in pairs(own_optimisers(seed)) do
    archive:put_all(prefix_of(row, name), optimiser:state())
  end
  freeze_all(seed.past)
  local t = pick(seed, seed_fields)
  t.stage, t.alpha = seed:stage(), seed:alpha()
  t.schedule = pick(seed.schedule, schedule_fields)
  t.measures = seed.measures:row(row)
  t.generator = seed.generator and context.generator_numbers(seed.generator)
  return t
end

local function plant_seed(seed, t)
  local generator = t.generator and context.generator_of_numbers(t.generator)
  put_back(seed, t, seed_fields)
  freeze_all(seed.past)
  seed.generator = generator
  seed.measures:set_row(seed.row, t.measures)
  seed.measures:set_stage(seed.row, t.stage)
  seed.measures:set_alpha(seed.row, t.alpha)
  seed.measures.slots.age[seed.row] = t.measures.age
  seed.schedule = setmetatable(pick(t.schedule, schedule_fields), Schedule)
  if not (stage.is_live(t.stage) or t.stage == "FOSSILIZED") then return end
  seed.module = context.isolated(context.copy_generator(generator),
                                 blueprint.build, t.blueprint, t.shape)
  if t.kind == "gate" then seed.gate = nn.Linear{ t.shape[2], 1 } end
  seed:take_stream()
  if stage.is_blended(t.stage) then seed:enter_model() end
  if t.stage == "TRAINING" then
    seed.incubator = Incubator.new(seed, t.shape,
                                   seed.garden:incubation_of(seed))
    -- Building the heads has moved it.
    seed.generator = context.generator_of_numbers(t.generator)
  end
end

local function load_seed(seed, archive)
  for name, module in pairs(own_modules(seed)) do
    module:load_state(archive:all(prefix_of(seed.row, name)))
  end
  for name, optimiser in pairs(own_optimisers(seed)) do
    optimiser:load_state(archive:all(prefix_of(seed.row, name)))
  end
end

-- --- the garden ------------------------------------------------------------

--- Waits until the seeds' measures are there, and whether their ops have failed
--- is known.
---@param garden table
function M.settle(garden) garden.measures:settle() end

--- Puts a garden that is settled into an archive. Enqueues.
---@param garden table
---@param archive table
function M.save(garden, archive)
  freeze_all(garden.outcomes)
  local t = pick(garden, garden_fields)
  archive:put_numbers("garden.valid_losses", garden.valid_losses)
  t.seeds = {}
  for i, seed in ipairs(garden.all) do
    t.seeds[i] = save_seed(seed, archive)
  end
  t.decisions = garden.decisions:save()
  t.guard = garden.guard:save(archive)
  archive.plain.garden = t
end

--- Makes the seeds of an archive in a garden that has none yet.
---@param garden table
---@param archive table
function M.plant(garden, archive)
  local t = archive.plain.garden
  put_back(garden, t, garden_fields)
  freeze_all(garden.outcomes)
  garden.valid_losses = archive:numbers "garden.valid_losses"
  for i, seed in ipairs(garden.all) do
    plant_seed(seed, t.seeds[i])
  end
  for _, slot in ipairs(garden.list) do slot:plan_forward() end
end

--- Loads what the seeds have learned, and what policy and governor know.
---@param garden table
---@param archive table
function M.load(garden, archive)
  local t = archive.plain.garden
  for _, seed in ipairs(garden.all) do load_seed(seed, archive) end
  garden.decisions:load(t.decisions)
  garden.guard:load(t.guard, archive)
end

return M
