--- What may be done to a seed. Each action is prepared first, which checks
--- everything, builds what is new and may raise; committing it cannot fail.
--- So a plan of several is done whole or not at all.

local check = require "moonseed.check"
local context = require "moonseed.context"
local moon = require "moonseed"
local nn = require "moonseed.nn"
local blueprint = require "moonseed.seed.blueprint"
local features = require "moonseed.seed.features"
local gates = require "moonseed.seed.gate"
local Incubator = require "moonseed.seed.incubator"
local Schedule = require "moonseed.seed.schedule"
local stage = require "moonseed.seed.stage"

local M = {}

local prepare = {}

local kinds = { add = true, multiply = true, gate = true }

--- The way in which seeds are blended; raises unless there is such a one.
---@param who string  who asks
---@param kind any
---@return string
function M.kind(who, kind)
  if not kinds[kind] then
    check.fail(who, "no blending '%s' (add, gate, multiply)", tostring(kind))
  end
  return kind
end

-- --- germinate -------------------------------------------------------------

-- At birth half of alpha, whatever the image.
local function new_gate(kind, shape)
  if kind ~= "gate" then return nil end
  local linear = nn.Linear{ shape[2], 1 }
  linear.weight:fill_(0)
  linear.bias:fill_(0)
  return linear
end

-- Where the features are, whatever the current device; f64 where they are.
local function build(name, kind, h)
  local module = blueprint.build(name, h:shape())
  local gate = moon.no_grad(function() return new_gate(kind, h:shape()) end)
  for _, part in ipairs{ module, gate } do
    part:to(h:device())
    if h:dtype() == "f64" then part:to "f64" end
  end
  return module, gate
end

-- Its numbers are a function of the garden's seed, the place and the time.
local function generator_for(seed)
  local garden = seed.garden
  return context.generator_state(garden.rng_seed * 1000003
    + seed.row * 10007 + #seed.past * 101 + garden.steps)
end

function prepare.germinate(seed, action)
  local garden, who = seed.garden, "germinate " .. tostring(seed)
  local kind = M.kind(who, action.kind or garden.blending.kind)
  local curve = Schedule.options(who, {
    curve = action.curve or garden.blending.curve,
    steps = action.steps or garden.blending.steps,
    steepness = action.steepness or garden.blending.steepness })
  local h, real = features.of(garden, seed.slot)
  local generator = generator_for(seed)
  local module, gate = context.isolated(generator, build, action.blueprint,
                                        kind, h)
  local deviation = context.isolated(generator, blueprint.deviation, module, h)
  deviation = deviation:item()
  local limit = garden.gates.deviation
  if deviation > limit or deviation ~= deviation then
    check.fail(who, "%s is not the identity at birth: it changes the features "
               .. "by %.3g, at most %.3g", action.blueprint, deviation, limit)
  end
  local plant = { module = module, gate = gate, kind = kind, curve = curve,
                  blueprint = action.blueprint, generator = generator,
                  shape = h:shape(), unchecked = not real,
                  place = { h:device(), h:dtype() == "f64" and "f64" or "f32" }
                }
  return "GERMINATED", function()
    seed:plant(plant)
    seed.deviation = real and deviation or nil
    seed.shape = plant.shape
  end, { module = module, shape = plant.shape }
end

-- --- advance ---------------------------------------------------------------

local arrive = {}

function arrive.TRAINING(seed)
  local garden = seed.garden
  local incubator = Incubator.new(seed, seed.shape, garden:incubation_of(seed))
  return function()
    seed.incubator, seed.generator = incubator, incubator.generator
    seed.module:train()
  end
end

function arrive.BLENDING(seed, target)
  local schedule = Schedule.new("advance " .. tostring(seed), seed:alpha(),
                                target or 1, seed.curve)
  return function()
    if seed.incubator then  -- not for another target
      seed.incubator = nil
      seed:enter_model()
    end
    seed.schedule = schedule
  end
end

-- Alpha rests where it is: on its target, unless that was forced.
function arrive.HOLDING(seed)
  local schedule = Schedule.hold(seed:alpha())
  return function() seed.schedule = schedule end
end

function arrive.FOSSILIZED() return function() end end

-- How far from the identity; where it was checked on features of a probe only,
-- on those of the last forward. That leaves the module as it is, and moves the
-- generator of the seed, so a copy is given.
local function deviation_of(seed)
  local h = seed.unchecked and features.last(seed.slot)
  if not h then return seed.deviation end
  return context.isolated(context.copy_generator(seed.generator),
                          blueprint.deviation, seed.module, h):item()
end

local function pass(seed, to, force)
  local gate, measured = gates.before[to], gates.measured(seed)
  if to == "TRAINING" then measured.deviation = deviation_of(seed) end
  local good, note = gates.ask(gate, measured, seed.garden.gates)
  if not good and not force then
    check.fail("advance " .. tostring(seed), "gate %s fails: %s", gate,
               table.concat(note.failed, "; "))
  end
  note.forced = not good or nil
  return note
end

-- A seed that has failed may only be pruned.
local function go(seed, to, action)
  if seed.failure then
    check.fail("advance " .. tostring(seed), "it has failed: %s", seed.failure)
  end
  local note = pass(seed, to, action.force)
  return to, arrive[to](seed, action.target), note
end

function prepare.advance(seed, action, from)
  local to = stage.forward[from]
  if not to then
    check.fail("advance " .. tostring(seed), "there is nothing after %s", from)
  end
  return go(seed, to, action)
end

function prepare.fossilize(seed, action, from)
  stage.check("fossilize " .. tostring(seed), from, "FOSSILIZED")
  return go(seed, "FOSSILIZED", action)
end

function prepare.retarget(seed, action, from)
  local who = "retarget " .. tostring(seed)
  if from ~= "HOLDING" then
    check.fail(who, "alpha of a seed in %s has no other target; only in "
               .. "HOLDING", from)
  end
  if seed.failure then
    check.fail(who, "it has failed: %s", seed.failure)
  end
  check.number(who, "target", action.target)
  return "BLENDING", arrive.BLENDING(seed, action.target), {}
end

function prepare.prune(seed)
  return "PRUNED", function() seed:uproot() end, {}
end

--- The actions there are.
M.actions = { "advance", "fossilize", "germinate", "prune", "retarget" }

--- Checks an action and makes it ready, or raises and has changed nothing.
---@param seed table
---@param action table  { action, blueprint, target, why, force, ... }
---@param from string   the stage it will be in then
---@return string to, function commit, table note
function M.prepare(seed, action, from)
  local who = ("%s %s"):format(tostring(action.action), tostring(seed))
  local fn = prepare[action.action]
  if not fn then
    check.fail("garden", "no action '%s' (%s)", tostring(action.action),
               table.concat(M.actions, ", "))
  end
  if action.action == "germinate" then stage.check(who, from, "GERMINATED") end
  if action.action == "prune" then stage.check(who, from, "PRUNED") end
  local to, commit, note = fn(seed, action, from)
  stage.check(who, from, to)
  return to, function()
    commit()
    seed:move(to, { why = action.why, gate = note.gate, passed = note.passed,
                    failed = note.failed, forced = note.forced })
  end, note
end

return M
