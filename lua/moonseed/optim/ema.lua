--- A moving average of a model's weights (Polyak and Juditsky 1992; Tarvainen
--- and Valpola 2017), for evaluation:
--
--   local ema = optim.EMA{ model, decay = 0.999 }
--   ... opt:step() ema:update()
--   local accuracy = ema:swapped(function() return evaluate(model) end)
--
-- An update is one op over all averages, all or nothing:
--
--   average = average + (1 - decay) * (weight - average)
--
-- An average begins as its weight, at the first update that sees it: a model
-- may gain and lose parameters. So it is in PyTorch's AveragedModel.
local check = require "moonseed.check"
local context = require "moonseed.context"
local core = require "moonseed.ffi"
local moon = require "moonseed"
local frames = require "moonseed.optim.frame"
local host = require "moonseed.host"
local parameters = require "moonseed.optim.parameters"
local state = require "moonseed.nn.state"
local C, ffi = core.C, core.ffi
local Module = moon.nn.Module

---@class EMA
---@field decay number  assign it between updates
local EMA = {}
EMA.__index = EMA

local known = { decay = 0.999, buffers = false }

local function check_decay(value)
  check.number("EMA", "decay", value)
  if not (value >= 0 and value < 1) then
    check.fail("EMA", "decay is %.14g, expected a number in [0, 1)", value)
  end
end

--- optim.EMA{ model, decay = 0.999, buffers = false }
--- model: a module, or a list of tensors. buffers: floating ones (the
--- statistics of a batch norm) are averaged, too; else they stay the model's.
---@param options table
---@return table ema
local function new(_, options)
  local o = check.options("EMA", options, { "model" }, known)
  parameters.check("EMA", o.model)
  check_decay(o.decay)
  check.boolean("EMA", "buffers", o.buffers)
  return setmetatable({ source = o.model, decay = o.decay,
                        buffers = o.buffers, average = {}, names = {},
                        tensors = {}, is_swapped = false }, EMA)
end

-- Reads the weights again and forgets the averages of those that left.
local function catch_up(self)
  if self.generation == Module.generation() then return end
  local names, tensors = parameters.list(self.source)
  if self.buffers and Module.is(self.source) then
    for name, b in self.source:buffers() do
      if b:dtype():sub(1, 1) == "f" then
        names[#names + 1], tensors[#tensors + 1] = name, b
      end
    end
  end
  local kept = {}
  for _, t in ipairs(tensors) do
    kept[t:id()] = state.follow(self.average, t)
  end
  self.names, self.tensors, self.average = names, tensors, kept
  self.generation = Module.generation()
end

-- One op over the weights that have an average; fill(entry, weight, average).
local function submit(self, rule, fill)
  local n, entries = 0, core.array("moon_step_entry[?]",
                                   math.max(#self.tensors, 1))
  for _, t in ipairs(self.tensors) do
    local average = self.average[t:id()]
    if average then
      entries[n].rates.rule = rule
      fill(entries[n], t.p, average.p)
      n = n + 1
    end
  end
  context.state.op = "EMA"
  frames.submit({ entries = entries,
                  params = ffi.new("moon_step_params", { rule = rule }) },
                n, nil)
end

local function refuse_swapped(self, what)
  if self.is_swapped then
    check.fail("EMA", "%s while the model has the averages; swap back first",
               what)
  end
end

local function update(self)
  refuse_swapped(self, "update")
  check_decay(self.decay)
  catch_up(self)
  submit(self, C.MOON_STEP_LERP, function(entry, weight, average)
    entry.parameter, entry.gradient = average, weight
    entry.rates.lr = 1 - self.decay
  end)
  context.with_grad_mode(0, function()
    for _, t in ipairs(self.tensors) do
      local id = t:id()
      if not self.average[id] then
        self.average[id] = t:detach():clone():keep()
      end
    end
  end)
end

--- After a step of the optimiser; enqueues.
---@return table self
function EMA:update()
  host.part(update, self)
  return self
end

--- Weights and averages change places; again: back. What has no average yet
--- stays. Enqueues.
---@return table self
function EMA:swap()
  catch_up(self)
  submit(self, C.MOON_STEP_SWAP, function(entry, weight, average)
    entry.parameter, entry.state[0] = weight, average
  end)
  self.is_swapped = not self.is_swapped
  return self
end

local function back(self, ok, ...)
  self:swap()
  if not ok then error((...), 0) end
  return ...
end

--- Calls fn(...) while the model has the averages for weights; back afterwards,
--- also on error.
---@param fn function
---@param ... any     for `fn`
---@return any ...  what `fn` returned
function EMA:swapped(fn, ...)
  check.callable("EMA", "the argument of swapped", fn)
  refuse_swapped(self, "swapped")
  self:swap()
  return back(self, xpcall(fn, context.note, ...))
end

--- What a checkpoint needs: the averages under names like "average.2.weight",
--- the tensors themselves.
---@return table<string, userdata>
function EMA:state()
  refuse_swapped(self, "state")
  catch_up(self)
  local t = {}
  for i, name in ipairs(self.names) do
    t["average." .. name] = self.average[self.tensors[i]:id()]
  end
  return t
end

--- Takes a table as `state` gives it. Names that the model has not, and other
--- shapes, are an error, and nothing changes then.
---@param given table<string, userdata>
function EMA:load_state(given)
  check.table("EMA: load_state", "its argument", given)
  refuse_swapped(self, "load_state")
  catch_up(self)
  local own, made = {}, {}
  for i, name in ipairs(self.names) do
    local t, key = self.tensors[i], "average." .. name
    if given[key] then
      own[key] = moon.zeros(t:shape(), { dtype = t:dtype(),
                                         device = t:device() }):keep()
      made[t:id()] = own[key]
    end
  end
  state.copy("EMA: load_state", own, given)
  self.average = made
end

--- What it is made of, as plain values.
---@return table
function EMA:describe()
  return { decay = self.decay, buffers = self.buffers }
end

--- Whether `value` is one.
---@param value any
---@return boolean
function EMA.is(value) return getmetatable(value) == EMA end

return setmetatable(EMA, { __call = new })
