--- What optimisers have in common.
--
-- A step is one op over all parameters that have a gradient, all or nothing.
-- Those of a module with a field `apart`, a function(fn, ...) that calls and
-- returns fn(...), are a step of their own inside it (a seed has one): whether
-- it fails is none of the others' business, and max_norm clips it by itself.
-- fn gives the norm of their gradients, whether or not they are clipped.
-- State belongs to parameters, not to positions: when the model gains or loses
-- parameters, new ones start without and the others keep theirs.
--
-- The options of an optimiser are fields that may be assigned between steps.
-- All have max_value (if positive, every element of a gradient is first cut to
-- at most this, either way), max_norm (if positive, all gradients together are
-- then scaled to at most this norm) and groups, which set options by the name of
-- the parameter (match, a Lua pattern) or the class of its module (kind,
-- likewise); decay = false is weight_decay = 0:
--
--   optim.AdamW{ model, lr = 1e-3, max_norm = 1,
--                groups = { { kind = "Norm", decay = false },
--                           { match = "^head", lr = 1e-2 } } }
--
-- Gradients add up until zero_grad: for a step over four batches,
--
--   opt:zero_grad()
--   for _ = 1, 4 do
--     local x, y = next_batch();
--     (nn.cross_entropy(model(x), y) / 4):backward()
--   end
--   opt:step()
--
-- An optimiser of your own is a rule of the core's step with other options, or
-- others in front of it: look at lion.lua and muon.lua.
local check = require "moonseed.check"
local context = require "moonseed.context"
local core = require "moonseed.ffi"
local groups = require "moonseed.optim.groups"
local moon = require "moonseed"
local option = require "moonseed.optim.options"
local pace = require "moonseed.pace"
local parameters = require "moonseed.optim.parameters"
local retry = require "moonseed.retry"
local state = require "moonseed.nn.state"
local tensor = require "moonseed.tensor"
local C, ffi = core.C, core.ffi
local live, Module = context.live, moon.nn.Module

---@class Optimiser
---@field lr number  the rate; assign it between steps
---@field names string[]  of the parameters, as they were last
local Optimiser = {}
Optimiser.__index = Optimiser

-- --- classes ---------------------------------------------------------------

local function sorted(t)
  local list = {}
  for name in pairs(t) do list[#list + 1] = name end
  table.sort(list)
  return list
end

--- A class of optimisers. Its definition:
---
---   name     as users call it
---   known    its options with their defaults, beside those that all have
---   rule     what happens to a parameter, see below
---   rule_of  function(p, o) -> rule, instead; main: the one that names the op
---   check    function(op, o), beyond each option by itself
---   prepare  function(self, frame, n): before a step is submitted
---
--- A rule:
---
---   name     of the op
---   code     MOON_STEP_...
---   states   their names, in the order of the core's
---   scalars  names of those that are one f64 number
---   uses     function(o, state): whether it is needed; always, unless given
---   set      function(rates, o): fills a moon_step_rates
---
---@param def table
---@return table class
function Optimiser.class(def)
  def.own = sorted(def.known)
  def.all, def.of_group = {}, { match = true, kind = true, decay = true }
  for name, default in pairs(def.known) do
    def.all[name], def.of_group[name] = default, true
  end
  for name, default in pairs(option.shared) do def.all[name] = default end
  if def.rule then def.rule_of = function() return def.rule end end
  def.main = def.main or def.rule
  local class = { definition = def, __newindex = Optimiser.__newindex }
  class.__index = class
  return class
end

-- For names that are no fields, or were set to nil.
function Optimiser.__newindex(self, name, value)
  check.names(self.def.name, { [name] = value }, self.def.all)
  rawset(self, name, value)
end

-- --- following the model ---------------------------------------------------

-- The parameters that make a step together.
local function set_of(sets, apart)
  for _, set in ipairs(sets) do
    if set.apart == apart then return set end
  end
  local set = { apart = apart, tensors = {}, ids = {}, profiles = {} }
  sets[#sets + 1] = set
  return set
end

local function divide(self, profiles)
  local owner, sets = parameters.aparts(self.source), {}
  set_of(sets, nil)
  for i, p in ipairs(self.tensors) do
    local set = set_of(sets, owner[self.ids[i]])
    local n = #set.tensors + 1
    set.tensors[n], set.ids[n], set.profiles[n] = p, self.ids[i], profiles[i]
  end
  return sets
end

-- Reads the parameters again and forgets the state of those that left.
local function follow(self)
  local names, tensors = parameters.list(self.source)
  if not rawequal(self.groups, self.grouped) then groups.check(self, names) end
  local kept, ids = {}, {}
  for i, p in ipairs(tensors) do
    ids[i] = p:id()
    kept[ids[i]] = self.state_of[ids[i]] or {}
  end
  self.names, self.tensors, self.ids, self.state_of = names, tensors, ids, kept
  local profiles
  profiles, self.profiles = groups.profiles(self)
  self.sets = divide(self, profiles)
  self.profile_of = profiles
  rawset(self, "grouped", self.groups)
  rawset(self, "generation", Module.generation())
end

local function catch_up(self)
  if self.generation ~= Module.generation()
     or not rawequal(self.groups, self.grouped) then
    follow(self)
  end
end

-- The options as they are now.
local function refresh(self)
  local op = self.def.name
  option.check(op, "lr", self.lr)
  option.check(op, "max_norm", self.max_norm)
  option.check(op, "max_value", self.max_value)
  for _, profile in ipairs(self.profiles) do groups.refresh(self, profile) end
end

local function copy_of(value)
  return type(value) == "table" and { unpack(value) } or value
end

--- An optimiser of a class: options as { model, lr = ..., ... }, where model is
--- a module or a list of tensors.
---@param class table     see Optimiser.class
---@param options table
---@return Optimiser
function Optimiser.new(class, options)
  local def = class.definition
  local o = check.options(def.name, options, { "model" }, def.all)
  parameters.check(def.name, o.model)
  option.check(def.name, "lr", o.lr)
  local self = { def = def, source = o.model, state_of = {}, frames = {},
                 first_lr = o.lr, groups = o.groups, max_norm = o.max_norm,
                 max_value = o.max_value }
  for _, name in ipairs(def.own) do self[name] = copy_of(o[name]) end
  follow(self)
  refresh(self)
  return setmetatable(self, class)
end

--- Takes groups that were checked when they were new: by now the model may have
--- lost what a pattern matched.
---@param list table|nil
function Optimiser:adopt_groups(list)
  self.groups, self.generation = list, nil
  rawset(self, "grouped", list)
end

-- --- a step ----------------------------------------------------------------

-- Zeros, in no moon.tidy scope.
local function zeros_for(p, is_scalar)
  local options = { dtype = is_scalar and "f64" or p:dtype(),
                    device = p:device() }
  return moon.zeros(is_scalar and {} or p:shape(), options):keep()
end

local function is_needed(rule, o, name)
  return not rule.uses or rule.uses(o, name)
end

local function has_gradient(p)
  local gradient = C.moon_tensor_grad(p.p)
  if gradient == nil then return false end
  C.moon_tensor_release(gradient)
  return true
end

local function add_missing(rule, o, own, p)
  for _, name in ipairs(rule.states) do
    if not own[name] and is_needed(rule, o, name) then
      own[name] = zeros_for(p, rule.scalars and rule.scalars[name])
    end
  end
end

-- For parameters with their first gradient.
local function add_states(self)
  for i, id in ipairs(self.ids) do
    local p, profile = self.tensors[i], self.profile_of[i]
    local rule, own = profile.rule, self.state_of[id]
    for _, name in ipairs(rule.states) do
      if not own[name] and is_needed(rule, profile.o, name) then
        if has_gradient(p) then add_missing(rule, profile.o, own, p) end
        break
      end
    end
  end
end

-- What a step is submitted with. A step that waits for memory keeps its own:
-- others may step meanwhile.
local function take_frame(self, n)
  local frame = table.remove(self.frames)
  if not frame or frame.room < n then
    frame = { room = n, params = ffi.new "moon_step_params",
              entries = core.array("moon_step_entry[?]", math.max(n, 1)) }
  end
  return frame
end

local function fill_entry(entry, profile, own, p)
  local states = profile.rule.states
  entry.parameter, entry.rates = p.p, profile.rates
  for k = 1, C.MOON_STEP_STATES do
    local t = own[states[k]]
    entry.state[k - 1] = t and t.p or nil
  end
end

-- Fills the frame with the parameters that have a gradient, which is retained.
local function gather(self, set, frame)
  local n, entries, of = 0, frame.entries, self.state_of
  for i = 1, #set.tensors do
    local p = set.tensors[i]
    local gradient = C.moon_tensor_grad(p.p)
    if gradient ~= nil then
      local entry = entries[n]
      entry.gradient = gradient
      fill_entry(entry, set.profiles[i], of[set.ids[i]], p)
      n = n + 1
    end
  end
  local params = frame.params
  params.rule = self.def.main.code
  params.max_norm, params.max_value = self.max_norm, self.max_value
  return n
end

--- Submits the first n entries of a frame. `out` (nil: none) receives the norm.
---@param frame table
---@param n integer
---@param out userdata|nil
function Optimiser.submit(frame, n, out)
  tensor.trace_site()
  local entries, params = frame.entries, frame.params
  local status = C.moon_step(live, n, entries, params, out)
  if status < 0 then
    retry.call(status, C.moon_step, live, n, entries, params, out)
  end
end

local function prepare_and_submit(self, frame, n, out)
  local def = self.def
  context.state.op = def.main.name
  if def.prepare then def.prepare(self, frame, n) end
  Optimiser.submit(frame, n, out)
end

-- The norm of the set's gradients, with max_norm or apart; whether there were
-- any.
local function step_set(self, set)
  local frame, tensors, states = take_frame(self, #set.tensors), set.tensors,
    self.state_of
  local n = gather(self, set, frame)
  local out = (self.max_norm > 0 or set.apart) and tensor.out or nil
  local ok, e = true, nil
  if n > 0 then ok, e = pcall(prepare_and_submit, self, frame, n, out) end
  for i = 0, n - 1 do C.moon_tensor_release(frame.entries[i].gradient) end
  frame.kept = nil
  table.insert(self.frames, frame)
  if not ok then error(e, 0) end
  local norm = n > 0 and out and tensor.wrap(out[0]) or nil
  return tensor.after(norm, tensors, states), n > 0
end

--- One step along the gradients there are; enqueues and returns. Suspends the
--- task while it is too far ahead of the device.
---@return userdata|nil norm  of the gradients before clipping, with max_norm
function Optimiser:step()
  catch_up(self)
  refresh(self)
  add_states(self)
  local norm, any = step_set(self, self.sets[1])
  for i = 2, #self.sets do
    local set = self.sets[i]
    local _, some = set.apart(step_set, self, set)
    any = any or some
  end
  if not any then return pace.pause() end
  pace.step()
  return norm
end

--- Clears the gradients of all parameters: they become nil.
function Optimiser:zero_grad()
  catch_up(self)
  local tensors = self.tensors
  for i = 1, #tensors do C.moon_tensor_set_grad(tensors[i].p, nil) end
end

-- --- state -----------------------------------------------------------------

--- What a checkpoint needs: the parameters' states under names like
--- "velocity.2.weight" (the tensors themselves), and `lr`.
---@return table<string, userdata>
function Optimiser:state()
  catch_up(self)
  local t = { lr = moon.tensor({ self.lr }, { dtype = "f64" }) }
  for i, name in ipairs(self.names) do
    for key, value in pairs(self.state_of[self.ids[i]]) do
      t[key .. "." .. name] = value
    end
  end
  return t
end

-- Room for what is given for parameter i; all that it needs if there is any.
local function room_for(self, i, given, own)
  local p, name, profile = self.tensors[i], self.names[i], self.profile_of[i]
  local rule, made = profile.rule, {}
  for _, key in ipairs(rule.states) do
    if given[key .. "." .. name] then
      made[key] = zeros_for(p, rule.scalars and rule.scalars[key])
    end
  end
  if next(made) then add_missing(rule, profile.o, made, p) end
  for key, value in pairs(made) do own[key .. "." .. name] = value end
  return made
end

--- Takes a table as `state` gives it. Names of parameters that there are not,
--- and other shapes, are an error, and nothing changes then.
---@param given table<string, userdata>
function Optimiser:load_state(given)
  local op = self.def.name .. ": load_state"
  check.table(op, "its argument", given)
  catch_up(self)
  refresh(self)
  local made, own, wanted = {}, {}, {}
  for i, id in ipairs(self.ids) do made[id] = room_for(self, i, given, own) end
  own.lr = moon.zeros(1, { dtype = "f64" })
  for key, value in pairs(given) do wanted[key] = value end
  state.copy(op, own, wanted)
  self.lr = own.lr:item()
  self.state_of = made
end

local function plain_copy(value)
  if type(value) ~= "table" then return value end
  local copy = {}
  for key, entry in pairs(value) do copy[key] = plain_copy(entry) end
  return copy
end

--- What it is made of, as plain values: { "SGD", lr = 0.1, ... }, from which
--- optim.rebuild makes another one. lr is the first one; how far it has come is
--- in `state`.
---@return table
function Optimiser:describe()
  local t = { self.def.name }
  for name in pairs(self.def.all) do t[name] = plain_copy(self[name]) end
  t.lr = self.first_lr
  return t
end

return Optimiser
