--- A slot: a named place in a model where seeds may grow.
--
--   seed.Slot{ "early" }                    as it is, x passes through
--   seed.Slot{ "early", seeds = 2 }         room for two seeds
--   seed.Slot{ "early", host = module }     beside a branch of the host
--
-- With x the input and h the host's features (x itself without a host
-- branch), the seeds that take part blend one after another, by position:
--
--   ADD       y = (1 - a) h + a s
--   MULTIPLY  y = h (1 + a tanh(s - x))
--   GATE      ADD with a g, g = sigmoid(linear(global mean of h)), per image
--
-- and y is the h of the next. So whatever their alphas, the shares of several
-- seeds and of the host are positive and add up to one. s is seed(x); beside a
-- host branch, whose features have x's shape, ADD's is h + (seed(x) - x), with
-- the branch's h, so that at birth a seed changes nothing there either.
--
-- The host's branch and all seeds are queued at once, each seed on a stream of
-- its own, and their gradients go back on these streams. A seed whose op fails
-- is left out by the device; the slot counts it (`seed:errors()`).

local check = require "moonseed.check"
local host = require "moonseed.host"
local Module = require "moonseed.nn.module"
local recorded = require "moonseed.recorded"
local Seed = require "moonseed.seed.seed"
local stage = require "moonseed.seed.stage"

local Slot = Module:extend("Slot")
local live_context = require("moonseed.context").live

local known = { seeds = 1, host = check.optional, concurrent = true }

---@param options table  the name; seeds: how many at once, host: a module,
---  concurrent: whether seeds have streams of their own
function Slot:init(options)
  local o = check.options("Slot", options, { "name" }, known)
  check.text("Slot", "the name", o.name)
  if o.name == "" then check.fail("Slot", "the name is empty") end
  check.count("Slot", "seeds", o.seeds, 1)
  check.boolean("Slot", "concurrent", o.concurrent)
  if o.host ~= nil and not Module.is(o.host) then
    check.fail("Slot", "host is a module, not a %s", type(o.host))
  end
  self.name, self.concurrent = o.name, o.concurrent
  self.host = o.host
  local list = {}
  for i = 1, o.seeds do list[i] = Seed.new(self, i) end
  self.list = list
  self.now = {}         -- features of the last forward, while someone watches
  self:plan_forward()
end

--- See nn/describe.lua; what grows here is not part of it.
---@param describe function
---@return table
function Slot:describe(describe)
  return { self.name, seeds = #self.list, concurrent = self.concurrent,
           host = self.host and describe(self.host) or nil }
end

--- See nn/describe.lua.
---@param options table
---@param rebuild function
---@return table
function Slot.rebuild(options, rebuild)
  local o = {}
  for name, value in pairs(options) do o[name] = value end
  o.host = options.host and rebuild(options.host)
  return o
end

--- One line of what it holds: "Slot early: TRAINING conv_light, DORMANT".
---@return string
function Slot:headline()
  local parts = {}
  for i, seed in ipairs(self.list) do parts[i] = seed:describe() end
  return ("Slot %s: %s"):format(self.name, table.concat(parts, ", "))
end

--- The slot's seeds, by position.
---@return table[]
function Slot:seeds() return self.list end

--- The seed at a position, the first unless given.
---@param index integer|nil
---@return table
function Slot:seed(index)
  local seed = self.list[index or 1]
  if not seed then
    check.fail("slot " .. self.name, "no seed %s, it has %d",
               tostring(index), #self.list)
  end
  return seed
end

--- Chooses the seeds that take part. Called at every transition.
function Slot:plan_forward()
  recorded.changed()
  local blended, watched = {}, false
  for _, seed in ipairs(self.list) do
    local name = seed:stage()
    if stage.is_blended(name) and not seed.failure then
      blended[#blended + 1] = seed
    end
    watched = watched
      or (name == "GERMINATED" or name == "TRAINING") and not seed.failure
  end
  rawset(self, "blended", blended)
  rawset(self, "watched", watched)
  if not watched and #blended == 0 then rawset(self, "now", {}) end
end

local function note_features(self, features) self.now.features = features end

-- What incubating seeds will learn from, and, for seeds that learn through
-- the host's loss, their say in the gradient. Gives h.
local function watch(self, x, h)
  local features = x:detach()
  host.part(note_features, self, features)
  for _, seed in ipairs(self.list) do
    local incubator = seed.incubator
    if incubator and incubator.through and live_context.grad_mode == 1
       and not seed.failure then
      h = incubator:pass_through(h, features)
    end
  end
  return h
end

local function blend(self, x, own)
  local h, outputs, disabled = own, {}, self.disabled
  local blended = self.blended  -- that of a seed that fails now is a new one
  for i, seed in ipairs(blended) do
    if not (disabled and disabled[seed.index]) then
      outputs[i] = seed:forward(x)
    end
  end
  for i, seed in ipairs(blended) do
    local s = outputs[i]
    if s then
      if self.training and seed.measures then
        seed.measures:watch(seed.row, "output", s)
      end
      h = seed:blend(h, s, x, own)
    end
  end
  return h
end

local function disabled_of(self) return self.disabled end
local function capture_of(self) return self.capture end

---@param x userdata
---@return userdata
function Slot:forward(x)
  local branch = self.host
  local h = branch and branch:forward(x) or x
  if not self.watched and #self.blended == 0 then return h end
  recorded.guard(disabled_of, self)
  recorded.guard(capture_of, self)
  if self.watched and (self.training or self.capture) then
    h = watch(self, x, h)
    if not branch then x = h end
  end
  if #self.blended == 0 then return h end
  return blend(self, x, h)
end

--- After the model was moved, see nn/state.lua.
---@param target string  a device or a dtype
function Slot:moved(target)
  rawset(self, "now", {})
  for _, seed in ipairs(self.list) do seed:moved(target) end
end

--- After nn.copy: what takes part in the forward does so in the copy too, with
--- alphas where they were; what incubates, or has failed, stays behind.
---@param original table
function Slot:copied(original)
  local list = {}
  for i, seed in ipairs(original.list) do
    list[i] = seed:copy(self)
    if not list[i].module then
      self["seed" .. i], self["gate" .. i] = nil, nil
    end
  end
  rawset(self, "list", list)
  rawset(self, "now", {})
  self:plan_forward()
end

-- --- what users type: of the first seed, or of the one named ---------------

---@param index integer|nil
---@return string
function Slot:stage(index) return self:seed(index):stage() end

---@param index integer|nil
---@return number
function Slot:alpha(index) return self:seed(index):alpha() end

---@param index integer|nil
---@return table[]  see Seed:history
function Slot:history(index) return self:seed(index):history() end

-- One edit, at once: what `options` say, and more.
local function act(self, op, options, more)
  local action = {}
  for name, value in pairs(options or {}) do action[name] = value end
  for name, value in pairs(more or {}) do action[name] = value end
  local seed = self:seed(action.seed)
  seed:need_garden(op)
  action.slot, action.action, action.seed = self.name, op, seed.index
  seed.garden:apply{ action }
  return self
end

local function first_dormant(self)
  for i, seed in ipairs(self.list) do
    if seed:stage() == "DORMANT" then return i end
  end
end

--- DORMANT -> GERMINATED: builds the blueprint for the slot's features and
--- checks that it is the identity at birth.
---@param blueprint string
---@param options table|nil  seed: the position (the first that is DORMANT);
---   kind: "add", "multiply" or "gate"; curve, steps, steepness: of blending;
---   why
---@return table self
function Slot:germinate(blueprint, options)
  local index = options and options.seed or first_dormant(self)
  return act(self, "germinate", options, { blueprint = blueprint,
                                           seed = index })
end

--- To the next stage, if the gate before it passes.
---@param options table|nil  seed, why; force: whether or not the gate passes;
---                          target: alpha's, for BLENDING
---@return table self
function Slot:advance(options) return act(self, "advance", options) end

--- HOLDING -> BLENDING towards another alpha.
---@param target number
---@param options table|nil  seed, why
---@return table self
function Slot:retarget(target, options)
  return act(self, "retarget", options, { target = target })
end

--- Takes the seed out.
---@param why string|nil
---@param options table|nil  seed
---@return table self
function Slot:prune(why, options)
  return act(self, "prune", options, { why = why })
end

--- HOLDING -> FOSSILIZED, if the gate passes: a part of the host for good.
---@param options table|nil  seed, why, force
---@return table self
function Slot:fossilize(options) return act(self, "fossilize", options) end

return Slot
