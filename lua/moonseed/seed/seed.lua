--- A seed: one position in a slot, and what grows there. Its stage, alpha and
--- measures lie in the garden's structure of arrays; what may happen to it is
--- in life.lua.
--
-- While its stage is GERMINATED or TRAINING the module belongs to the seed
-- alone; from BLENDING on it is a child of the slot, `seed1` (and `gate1`), so
-- that the model saves it and the optimiser follows it.

local context = require "moonseed.context"
local check = require "moonseed.check"
local host = require "moonseed.host"
local loop = require "moonseed.loop"
local moon = require "moonseed"
local nn = require "moonseed.nn"
local recorded = require "moonseed.recorded"
local blueprint = require "moonseed.seed.blueprint"
local stage = require "moonseed.seed.stage"
local Schedule = require "moonseed.seed.schedule"

local Seed = {}
Seed.__index = Seed

-- Ctrl-C is the program's.
local function interrupted(e) return tostring(e):find "interrupted$" ~= nil end

--- For position `index` of a slot; without a garden it stays DORMANT.
---@param slot table
---@param index integer
---@return table
function Seed.new(slot, index)
  return setmetatable({ slot = slot, index = index, past = {}, changes = 0,
                        schedule = Schedule.hold(0) }, Seed)
end

--- The same in a copy of its slot, which has the modules already.
---@param slot table
---@return table
function Seed:copy(slot)
  local other, name = Seed.new(slot, self.index), self:stage()
  if not stage.is_blended(name) or self.failure then return other end
  other.module, other.gate = slot["seed" .. self.index],
    slot["gate" .. self.index]
  other.blueprint, other.kind, other.curve = self.blueprint, self.kind,
    self.curve
  other.shape, other.planted = self.shape, self.planted
  other.generator = context.copy_generator(self.generator)
  other.schedule = self.schedule:copy()
  other.carried = { stage = name, alpha = self:alpha() }
  other:take_stream()
  other:set_apart()
  return other
end

--- Takes part as it did elsewhere, without a garden.
---@param t table             stage, alpha, kind, blueprint, shape
---@param generator userdata  words, as moon_task_generator gives them
function Seed:carry(t, generator)
  self.generator, self.kind, self.blueprint = generator, t.kind, t.blueprint
  self.shape, self.curve = t.shape, Schedule.options("seed")
  self.schedule = Schedule.hold(t.alpha)
  self.module = context.isolated(generator, blueprint.build, t.blueprint,
                                 t.shape)
  self.gate = t.kind == "gate" and nn.Linear{ t.shape[2], 1 } or nil
  self.carried = { stage = t.stage, alpha = t.alpha }
  self:take_stream()
  self:enter_model()
  self.slot:plan_forward()
end

--- "early", or "early/2" for a second seed.
function Seed:__tostring()
  return self.index == 1 and self.slot.name
    or ("%s/%d"):format(self.slot.name, self.index)
end

--- "BLENDING conv_light, alpha 0.25".
---@return string
function Seed:describe()
  local name = self:stage()
  local text = self.blueprint and name ~= "DORMANT"
    and name .. " " .. self.blueprint or name
  if self.failure then return text .. ", failed: " .. self.failure end
  if not stage.is_blended(name) then return text end
  return ("%s, alpha %.3g"):format(text, self:alpha())
end

--- Takes a row of a garden.
---@param garden table
---@param row integer
function Seed:join(garden, row)
  self.garden, self.row = garden, row
  self.measures = garden.measures
  if self.carried then
    self.measures:set_stage(row, self.carried.stage)
    self.measures:set_alpha(row, self.carried.alpha)
    self.carried, self.since = nil, garden.epochs
  end
end

---@return string
function Seed:stage()
  if self.garden then return self.measures:stage(self.row) end
  return self.carried and self.carried.stage or "DORMANT"
end

--- The share of the blend that was queued last; reading it waits for nothing.
---@return number
function Seed:alpha()
  if self.garden then return self.measures:alpha(self.row) end
  return self.carried and self.carried.alpha or 0
end

--- A measure's last value, nil if there is none. See measures.lua.
---@param name string
---@return number|nil
function Seed:measure(name)
  return self.garden and self.measures:read(self.row, name)
end

---@return integer
function Seed:errors()
  return self.garden and self.measures:errors(self.row) or 0
end

--- Every transition, oldest first: { step, epoch, from, stage, why, blueprint,
--- alpha, gate, passed, failed, forced }.
---@return table[]
function Seed:history() return self.past end

--- Goes to another stage, or raises and changes nothing.
---@param to string
---@param note table  why, and of a gate: gate, passed, failed, forced
function Seed:move(to, note)
  local from = self:stage()
  stage.check(tostring(self), from, to)
  self.measures:set_stage(self.row, to)
  self.changes = self.changes + 1
  self.since = self.garden.epochs
  local event = { step = self.garden.steps, epoch = self.garden.epochs,
                  slot = self.slot.name, seed = self.index, from = from,
                  stage = to, blueprint = self.blueprint,
                  alpha = self:alpha(), why = note.why, gate = note.gate,
                  passed = note.passed, failed = note.failed,
                  forced = note.forced }
  self.past[#self.past + 1] = event
  self.garden:remember(event, self.contribution)
  if to == "PRUNED" then self:forget() end
  self.slot:plan_forward()
  self.garden:note("stage", event)
end

-- --- the module ------------------------------------------------------------

--- Takes a module that was built and checked.
---@param plant table  module, blueprint, kind, gate, generator, curve
function Seed:plant(plant)
  self.module, self.blueprint, self.kind = plant.module, plant.blueprint,
    plant.kind
  self.gate, self.generator = plant.gate, plant.generator
  self.curve, self.unchecked = plant.curve, plant.unchecked
  self.place = plant.place
  self.planted = { step = self.garden.steps, epoch = self.garden.epochs }
  self:take_stream(self.place[1])
  self:forget()
end

--- Nothing is known of it any more: no measure, no failure. What is still
--- being measured counts no more.
function Seed:forget()
  self.contribution, self.contribution_loss = nil, nil
  self.improvement, self.held_out, self.gradient_ratio = nil, nil, nil
  self.deviation, self.failure = nil, nil
  self.measures:clear(self.row)
end

--- A stream for its ops, unless the slot has them in the host's: round robin,
--- but not the host's, nor that of another seed here, where there are enough.
---@param device string|nil  the current one unless given
function Seed:take_stream(device)
  if not self.slot.concurrent then return end
  local streams = moon.streams(device)
  local taken = { [context.live.stream] = true,
                  [streams:default().number] = true }
  for _, seed in ipairs(self.slot.list) do
    if seed.stream then taken[seed.stream.number] = true end
  end
  local first = streams:next()
  local stream = first
  while taken[stream.number] do
    stream = streams:next()
    if stream.number == first.number then break end
  end
  self.stream = stream
end

--- After the model was moved: so is what does not belong to it yet.
---@param target string  a device or a dtype
function Seed:moved(target)
  if not self.module then return end
  self.alpha_tensor = nil
  if not stage.is_blended(self:stage()) then
    self.module:to(target)
    if self.gate then self.gate:to(target) end
    if self.incubator then self.incubator:moved(target) end
  end
  local device, dtype = unpack(self.place or {})
  if check.dtypes[target] then
    dtype = target
  else
    device = target
    self:take_stream(target)
  end
  self.place = { device or moon.device(), dtype or "f32" }
end

--- Makes the module (and gate) a child of the slot.
function Seed:enter_model()
  self.module:train(self.slot.training)
  self.slot["seed" .. self.index] = self.module
  if self.gate then
    self.gate:train(self.slot.training)
    self.slot["gate" .. self.index] = self.gate
  end
  self:set_apart()
end

-- The optimiser's step of the seed: norm of its gradients, any.
local function apart_of(self)
  local function measure(norm, ...)
    if norm and self.measures then
      self.measures:store(self.row, "gradient_norm", norm:reshape(1))
    end
    return norm, ...
  end
  return function(fn, ...) return measure(self:apart(fn, ...)) end
end

--- The optimiser makes a step of its own for the module and the gate.
function Seed:set_apart()
  local apart = apart_of(self)
  rawset(self.module, "apart", apart)
  if self.gate then rawset(self.gate, "apart", apart) end
end

--- Lets go of it: ops in flight keep what they use.
function Seed:uproot()
  self.slot["seed" .. self.index] = nil
  self.slot["gate" .. self.index] = nil
  self.module, self.gate, self.incubator, self.stream = nil, nil, nil, nil
  self.alpha_tensor = nil
  self:set_alpha(0)
  self.schedule = Schedule.hold(0)
end

-- --- alpha -----------------------------------------------------------------

--- Alpha from the next forward on.
---@param alpha number
function Seed:set_alpha(alpha)
  if alpha ~= self:alpha() then self.alpha_tensor = nil end
  self.measures:set_alpha(self.row, alpha)
end

local function alpha_of(self, dtype, device)
  local t = self.alpha_tensor
  if not t or t:dtype() ~= dtype or t:device() ~= device then
    t = moon.full({ 1 }, self:alpha(), { dtype = dtype,
                                         device = device }):keep()
    self.alpha_tensor = t
  end
  return t
end

--- Alpha as a scalar on the device, of x's dtype; a new one whenever it has
--- changed, because a graph may still need the old one.
---@param x userdata
---@return userdata
function Seed:alpha_on_device(x)
  return host.part(alpha_of, self, x:dtype(), x:device())
end

-- --- failures --------------------------------------------------------------

--- Puts the seed into its error state if an op of it failed up to `late` steps
--- ago: it takes no part any more, and the host goes on without it. Waits for
--- what was queued then.
---@param late integer
function Seed:notice_failure(late)
  if self.failure or not self.module then return end
  local changes = self.changes
  local why = self.measures:failure(self.row, late)
  if why and self.changes == changes then self:fail(why) end
end

---@param why string
function Seed:fail(why)
  if self.failure then return end
  self.failure = why
  if self:errors() == 0 then self.measures:count_error(self.row) end
  self.slot:plan_forward()
  self.garden:note("failed", { slot = self.slot.name, seed = self.index,
                               blueprint = self.blueprint,
                               stage = self:stage(), errors = self:errors(),
                               why = self.failure })
end

-- --- forward ---------------------------------------------------------------

local function stream_of(self) return self.stream end
local function generator_of(self) return self.generator end

--- Runs fn(...) on the seed's own stream, as a part of the program that the
--- host does not notice: its generator, its errors.
---@param fn function
---@param ... any  for `fn`
---@return any ...  what `fn` returned
function Seed:apart(fn, ...)
  local stream = self.stream
  recorded.guard(stream_of, self)
  recorded.guard(generator_of, self)
  if not stream then return context.isolated(self.generator, fn, ...) end
  return context.with_stream(stream.number, stream.device, context.isolated,
                             self.generator, fn, ...)
end

-- The gate's say, one share per image: [N, 1, ..., 1].
local function gate_share(gate, h)
  local n, ndim = h:size(1), #h:shape()
  local pooled = ndim == 4 and h:global_avg_pool2d() or h
  local shape = { n }
  for d = 2, ndim do shape[d] = 1 end
  return gate:forward(pooled):sigmoid():reshape(shape)
end

local function branch(self, x) return self.module:forward(x:shield()) end

local function settle(self, ok, ...)
  if ok then return ... end
  local why = (...)
  if loop.running.stopped ~= nil or interrupted(why) then error(why, 0) end
  self:fail(tostring(why))
end

--- Calls fn(...), in which an error is the seed's: it fails, and the program
--- goes on. Not so Ctrl-C and what stops the task.
---@param fn function
---@param ... any  for `fn`
---@return any ...  what `fn` returned; nothing: it has failed
function Seed:try(fn, ...)
  return settle(self, xpcall(fn, context.note, ...))
end

--- What the seed makes of x; queued on its own stream.
---@param x userdata  the slot's input
---@return userdata|nil  nil: it has failed
function Seed:forward(x)
  return self:try(self.apart, self, branch, self, x)
end

--- The host's features blended with what the seed makes of x. Queued on the
--- host's stream, the sum beside a branch of the host too: on the seed's, its
--- gradient for x would wait there for those of the other seeds.
---@param h userdata  host's features, with the seeds before in them
---@param s userdata  the seed's output
---@param x userdata  the slot's input
---@param own userdata  what the host alone makes of x
---@return userdata
function Seed:blend(h, s, x, own)
  local alpha = self:alpha_on_device(h)
  if self.kind == "multiply" then
    return moon.blend(h, s, alpha, { kind = "multiply", x = x })
  end
  if not rawequal(own, x) then s = own + (s - x) end
  if self.gate then alpha = gate_share(self.gate, h) * alpha end
  return moon.blend(h, s, alpha)
end

--- Raises unless the seed belongs to a garden.
---@param op string
function Seed:need_garden(op)
  if not self.garden then
    check.fail(op, "slot %s is in no garden; make one: seed.Garden{ model }",
               self.slot.name)
  end
end

return Seed
