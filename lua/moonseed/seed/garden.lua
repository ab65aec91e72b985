--- A garden: the slots of a model, what grows in them, and who decides.
--
--   local garden = seed.Garden{ model, policy = "scripts/policies/plateau.lua",
--                               governor = true, valid = valid, optim = opt }
--   for epoch = 1, 10 do
--     for x, y in train:batches{ 128, shuffle = true } do
--       local loss = nn.cross_entropy(model(x), y)
--       opt:zero_grad() loss:backward() opt:step()
--       garden:step{ y = y, loss = loss }
--     end
--     local m = garden:epoch()       -- m.loss, m.accuracy, on valid
--   end
--
-- A step trains the seeds that incubate, moves alphas and lets the governor
-- look; an epoch measures, asks the policy and lets embargoes run. Everything
-- that happens is an event: `on_event` is told, `garden.events` keeps the last.

local check = require "moonseed.check"
local nn = require "moonseed.nn"
local Optimiser = require "moonseed.optim.optimiser"
local Decisions = require "moonseed.seed.decisions"
local evaluation = require "moonseed.seed.evaluation"
local gates = require "moonseed.seed.gate"
local frozen = require "moonseed.seed.frozen"
local guard = require "moonseed.seed.guard"
local host = require "moonseed.host"
local Incubator = require "moonseed.seed.incubator"
local life = require "moonseed.seed.life"
local Measures = require "moonseed.seed.measures"
local plan = require "moonseed.seed.plan"
local Schedule = require "moonseed.seed.schedule"
local Slot = require "moonseed.seed.slot"
local stage = require "moonseed.seed.stage"

local Garden = {}
Garden.__index = Garden

local EVENTS = 1000  -- that are kept
local LATE = 4       -- steps until the failure of a seed is looked for

local known = {
  policy = check.optional, config = check.optional, governor = false,
  optim = check.optional, train = check.optional,
  valid = check.optional, classes = check.optional,
  rng_seed = 0, gates = "strict", blending = check.optional,
  incubation = check.optional, lag = check.optional, free = false,
  cooldown = 0, on_event = check.optional, blueprints = check.optional,
}

local function find_slots(model)
  local list, by_name = {}, {}
  for _, module in model:modules() do
    if getmetatable(module) == Slot then
      if by_name[module.name] then
        check.fail("Garden", "two slots are named %s", module.name)
      end
      if module.list[1].garden then
        check.fail("Garden", "slot %s is in another garden", module.name)
      end
      list[#list + 1], by_name[module.name] = module, module
    end
  end
  if #list == 0 then check.fail("Garden", "the model has no seed.Slot") end
  return list, by_name
end

local function blending_of(given)
  local o = {}
  for name, value in pairs(given and check.table("Garden", "blending", given)
                           or {}) do
    o[name] = value
  end
  local kind = life.kind("Garden: blending", o.kind or "add")
  o.kind = nil
  o = Schedule.options("Garden: blending", o)
  o.kind = kind
  return o
end

-- Given now and needed later, when a seed is planted or an epoch ends.
local function check_later(o)
  for _, name in ipairs{ "train", "valid" } do
    if o[name] then frozen.check("Garden: " .. name, o[name]) end
  end
  if o.optim ~= nil then
    check.table("Garden", "optim", o.optim)
    check.callable("Garden", "optim.step", o.optim.step)
  end
  for i, name in ipairs(check.table("Garden", "blueprints",
                                    o.blueprints or {})) do
    check.text("Garden", ("blueprints[%d]"):format(i), name)
  end
end

local function check_options(o)
  if not nn.Module.is(o.model) then
    check.fail("Garden", "expects a model, not a %s", type(o.model))
  end
  check_later(o)
  check.count("Garden", "rng_seed", o.rng_seed)
  check.count("Garden", "cooldown", o.cooldown)
  check.boolean("Garden", "free", o.free)
  if o.lag ~= nil then check.count("Garden", "lag", o.lag, 1) end
  if o.classes ~= nil then check.count("Garden", "classes", o.classes, 2) end
  if o.on_event ~= nil then
    check.callable("Garden", "on_event", o.on_event)
  end
end

-- Classes that are not known yet are asked for when a seed incubates.
local function incubation_of(given, classes)
  local o = {}
  for name, value in pairs(given and check.table("Garden", "incubation", given)
                           or {}) do
    o[name] = value
  end
  o.classes = o.classes or classes
  return Incubator.options(o)
end

-- As given, or as the data say, or the last layer.
local function classes_of(o)
  if o.classes then return o.classes end
  local data = o.valid or o.train
  if data and data.classes then return #data.classes end
  local n
  for _, module in o.model:modules() do
    if getmetatable(module) == nn.Linear then n = module.weight:size(1) end
  end
  return n
end

-- A row of the measures for every seed.
local function seat(self)
  local seeds = {}
  for _, slot in ipairs(self.list) do
    for _, seed in ipairs(slot:seeds()) do seeds[#seeds + 1] = seed end
  end
  self.all, self.measures = seeds, Measures.new(#seeds)
  for row, seed in ipairs(seeds) do seed:join(self, row - 1) end
end

--- seed.Garden{ model, policy = path, governor = true, valid = data, ... }
---   policy      a file, see scripts/policies; config: a table for its init
---   governor    true, or its options: rolls back when the loss goes wrong
---   optim       the host's optimiser, for the governor: the model's newest, or
---               that of the run, unless given; train and valid are the run's
---   train       what candidates of a tournament learn from
---   valid       the data set that growth looks at (never the test split)
---   classes     of the labels, where valid does not say
---   gates       "strict", "permissive" or a table of thresholds (gate.lua)
---   blending    { kind = "add", curve = "cosine", steps = 200,
---                 steepness = 10 }
---   incubation  { optim = { "SGD", lr = 0.05, momentum = 0.9 },
---                 max_norm = 1, through = false }; see Incubator.options
---   lag         steps from a snapshot to what was decided upon it; one epoch
---               unless given. free = true: when the decision comes
---   cooldown    steps after a plan in which no other is applied
---   blueprints  names that the policy may plant; all unless given
---   rng_seed    of everything random in the garden
---   on_event    function(event)
---@param options table
---@return table garden
function Garden.new(_, options)
  local o = check.options("Garden", options, { "model" }, known)
  check_options(o)
  local list, by_name = find_slots(o.model)
  local self = setmetatable({
    model = o.model, optim = o.optim or Optimiser.of(o.model),
    train = o.train, valid = o.valid,
    list = list, by_name = by_name, options = o, steps = 0, epochs = 0,
    events = {}, listeners = {}, outcomes = {}, valid_losses = {},
    rng_seed = o.rng_seed,
    gates = gates.table_of(o.gates), blending = blending_of(o.blending),
    incubation = o.incubation, classes = classes_of(o), cooldown = o.cooldown,
    on_event = o.on_event, blueprints = o.blueprints,
  }, Garden)
  incubation_of(o.incubation, self.classes or 2)  -- raises what is wrong
  seat(self)
  self.guard = guard.new(self, o.governor)
  self.decisions = Decisions.new(self, o)
  return self
end

-- --- what is there ---------------------------------------------------------

--- Slots by name.
---@return table<string, table>
function Garden:slots() return self.by_name end

---@param name string
---@return table
function Garden:slot(name)
  local slot = self.by_name[name]
  if not slot then
    local names = {}
    for known_name in pairs(self.by_name) do names[#names + 1] = known_name end
    table.sort(names)
    check.fail("garden", "no slot '%s' (%s)", tostring(name),
               table.concat(names, ", "))
  end
  return slot
end

--- All seeds, in the order of the model.
---@return table[]
function Garden:seeds() return self.all end

--- Takes what it was not given from a run. With an optimiser to bring back,
--- too, the governor begins anew: the states that it kept are without.
---@param run table  train, valid, optim
function Garden:adopt(run)
  self.train, self.valid = self.train or run.train, self.valid or run.valid
  local opt = run.optim
  if self.options.optim or opt == self.optim
     or not (opt.state and opt.load_state and opt.names) then
    return
  end
  self.optim = opt
  self.guard:close()
  self.guard = guard.new(self, self.options.governor)
end

--- What a seed's incubator is given.
---@return table
function Garden:incubation_of()
  return incubation_of(self.incubation, self.classes)
end

local plain = { "policy", "config", "governor", "classes", "rng_seed", "gates",
                "blending", "incubation", "lag", "free", "cooldown",
                "blueprints" }

--- The options it was made with that are plain values.
---@return table
function Garden:plain_options()
  local t = {}
  for _, name in ipairs(plain) do t[name] = self.options[name] end
  return t
end

-- Listeners first: the user's may raise.
local function tell(self, event)
  for _, listener in ipairs(self.listeners) do listener(event) end
  if self.on_event then self.on_event(event) end
end

--- Calls fn(event) for everything that happens from now on, before `on_event`,
--- which is the user's.
---@param fn fun(event: table)
---@return fun()  ends that
function Garden:listen(fn)
  table.insert(self.listeners, fn)
  return function()
    for i, other in ipairs(self.listeners) do
      if other == fn then return table.remove(self.listeners, i) end
    end
  end
end

--- Tells what happened.
---@param kind string   "stage", "failed", "rolled_back", "plan_rejected", ...
---@param event table
function Garden:note(kind, event)
  event.kind = kind
  event.step, event.epoch = event.step or self.steps, event.epoch or self.epochs
  local events = self.events
  events[#events + 1] = event
  if #events > EVENTS then table.remove(events, 1) end
  local untold = self.untold
  if untold then
    untold[#untold + 1] = event
  else
    tell(self, event)
  end
end

--- Runs fn(), which cannot fail; what it notes is told afterwards, so that a
--- listener finds it done, and cannot stop it half way.
---@param fn function
function Garden:quietly(fn)
  local untold = {}
  self.untold = untold
  local ok, e = pcall(fn)
  self.untold = nil
  if not ok then error(e, 0) end
  for _, event in ipairs(untold) do tell(self, event) end
end

local ends = { FOSSILIZED = "fossilized", PRUNED = "pruned" }

--- Keeps how a seed ended, for policies that learn from it.
---@param event table               its last transition
---@param contribution number|nil   as measured last
function Garden:remember(event, contribution)
  local outcome = ends[event.stage]
  if not outcome then return end
  local list = self.outcomes
  list[#list + 1] = { slot = event.slot, seed = event.seed,
                      blueprint = event.blueprint, outcome = outcome,
                      contribution = contribution, step = event.step,
                      epoch = event.epoch }
  if #list > EVENTS then table.remove(list, 1) end
end

-- --- edits -----------------------------------------------------------------

--- Applies actions, { { slot =, seed = 1, action =, blueprint =, target =,
--- why = }, ... }: all of them, or none and an error.
---@param actions table[]
function Garden:apply(actions) plan.apply(self, actions) end

--- What actions would do, a line each; raises what `apply` would. Changes
--- nothing.
---@param actions table[]
---@return string
function Garden:diff(actions) return plan.diff(self, actions) end

-- --- as time goes on -------------------------------------------------------

local grow = {}

function grow.TRAINING(seed, y)
  local features = seed.slot.now.features
  if y and features then seed.incubator:step(features, y) end
end

function grow.BLENDING(seed)
  seed:set_alpha(seed.schedule:step())
  if not seed.schedule:is_done() then return end
  local _, note = gates.ask("G3", gates.measured(seed), seed.garden.gates)
  note.why = ("alpha is %.4g"):format(seed:alpha())
  seed:move("HOLDING", note)
end

local step_known = { y = true, loss = true }

local function go_on(self, y, loss)
  self.steps = self.steps + 1
  for _, seed in ipairs(self.all) do
    seed.measures:grow_older(seed.row)
    seed:notice_failure(LATE)
    local fn = not seed.failure and grow[seed:stage()]
    if fn then fn(seed, y) end
  end
  if not self.guard:look(loss) then self.decisions:step() end
end

--- After the optimiser's step. y: the batch's labels, for seeds that incubate;
--- loss: what the governor looks at. Enqueues; waits for the loss of some steps
--- ago at most, and for a decision that is due.
---@param given table|nil
function Garden:step(given)
  local o = check.names("garden:step", given or {}, step_known)
  host.part(go_on, self, o.y, o.loss)
end

local waits = {
  EMBARGOED = { stage.EMBARGO, "RESETTING", "the embargo is over" },
  RESETTING = { stage.RESET, "DORMANT", "free again" },
}

local function let_rest(seed)
  local name = seed:stage()
  if name == "PRUNED" then
    seed:move("EMBARGOED", { why = "was pruned" })
  elseif waits[name] then
    local epochs, to, why = unpack(waits[name])
    if seed.garden.epochs - seed.since >= epochs then
      seed:move(to, { why = why })
    end
  end
end

--- At the end of an epoch: measures on `valid` (unless another data set is
--- given), lets the policy see it, and lets embargoes run.
---@param data userdata|nil  a data set
---@return table  loss, accuracy (nil without data), contributions
function Garden:epoch(data)
  self.epochs = self.epochs + 1
  for _, seed in ipairs(self.all) do
    seed:notice_failure(0)
    let_rest(seed)
  end
  self.measures:settle()
  local found = evaluation.measure(self, data or self.valid)
  if found.loss then self.valid_losses[#self.valid_losses + 1] = found.loss end
  self.last = found
  self.guard:mark()
  self.decisions:epoch()
  return found
end

--- Ends what the policy runs in. The model goes on as it is.
function Garden:close()
  self.decisions:close()
  self.guard:close()
end

return setmetatable(Garden, { __call = Garden.new })
