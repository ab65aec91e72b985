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
-- then scaled to at most this norm), loss_scale (see `scale`) and groups, which
-- set options by the name of the parameter (match, a Lua pattern) or the class
-- of its module (kind, likewise); decay = false is weight_decay = 0:
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
-- Training in f16 needs a loss scale, or small gradients become 0:
--
--   local opt = optim.AdamW{ model, lr = 1e-3, loss_scale = "dynamic" }
--   ...
--   local loss = moon.autocast("f16", function()
--     return nn.cross_entropy(model(x), y)
--   end)
--   opt:scale(loss):backward()
--   opt:step()
--
-- An optimiser of your own is a rule of the core's step with other options:
-- look at lion.lua and muon.lua.
local check = require "moonseed.check"
local context = require "moonseed.context"
local core = require "moonseed.ffi"
local follow = require "moonseed.optim.follow"
local frames = require "moonseed.optim.frame"
local host = require "moonseed.host"
local moments = require "moonseed.optim.moments"
local option = require "moonseed.optim.options"
local pace = require "moonseed.pace"
local parameters = require "moonseed.optim.parameters"
local recorded = require "moonseed.recorded"
local scaler = require "moonseed.optim.scaler"
local tensor = require "moonseed.tensor"
local C = core.C

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

-- --- making one ------------------------------------------------------------

local newest = setmetatable({}, { __mode = "kv" })  -- by model or list

--- The optimiser of a model that was made last, if it is still held.
---@param model table
---@return Optimiser|nil
function Optimiser.of(model) return newest[model] end

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
                 max_value = o.max_value, loss_scale = o.loss_scale }
  for _, name in ipairs(def.own) do self[name] = copy_of(o[name]) end
  follow.catch_up(self)
  follow.refresh(self)
  newest[o.model] = self
  return setmetatable(self, class)
end

-- --- a step ----------------------------------------------------------------

-- The norm of the set's gradients, with max_norm or apart; whether there were
-- any.
local function step_set(self, set, scale)
  local frame, tensors, states = frames.take(self, #set.tensors), set.tensors,
    self.state_of
  local n = frames.gather(self, set, frame)
  local out = (self.max_norm > 0 or set.apart) and tensor.out or nil
  local ok, e = true, nil
  context.state.op = self.def.main.name
  scaler.fill(self, frame.params, #self.sets == 1)
  if n > 0 then ok, e = pcall(frames.submit, frame, n, out, scale) end
  frames.give(self, frame, n)
  if not ok then error(e, 0) end
  local norm = n > 0 and out and tensor.wrap(out[0]) or nil
  return tensor.after(norm, tensors, states), n > 0
end

local function gives_norm(self) return self.max_norm > 0 end

local function step(self)
  follow.catch_up(self)
  follow.refresh(self)
  moments.add(self)
  local scale = scaler.of(self)
  local norm, any = step_set(self, self.sets[1], scale)
  for i = 2, #self.sets do
    local set = self.sets[i]
    local _, some = set.apart(step_set, self, set, scale)
    any = any or some
  end
  if scale and any and #self.sets > 1 then scaler.settle(self) end
  if not any then return pace.pause() end
  pace.step()
  return norm
end

--- One step along the gradients there are; enqueues and returns. Suspends the
--- task while it is too far ahead of the device. With a loss scale, a step
--- whose gradients are not all finite changes no parameter and no state.
---@return userdata|nil norm  of the gradients before clipping, with max_norm
function Optimiser:step()
  recorded.guard(gives_norm, self)
  return host.part(step, self)
end

--- The loss times the loss scale, to be differentiated in its place; the loss
--- itself without the option loss_scale. With "dynamic" the scale begins at
--- 65536, is halved by a step that is skipped because a gradient is not finite,
--- and doubled by 2000 steps in a row that are not. A number is a scale that
--- stays. Steps divide the gradients by it; until then they are that much
--- larger, those in `t.grad` as well.
---@param loss userdata
---@return userdata
function Optimiser:scale(loss)
  follow.catch_up(self)
  return scaler.scale(self, loss)
end

--- Clears the gradients of all parameters: they become nil.
function Optimiser:zero_grad()
  follow.catch_up(self)
  local tensors = self.tensors
  for i = 1, #tensors do
    C.moon_tensor_set_grad(context.live, tensors[i].p, nil)
  end
end

-- --- what it is ------------------------------------------------------------

Optimiser.state, Optimiser.load_state = moments.state, moments.load_state

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
