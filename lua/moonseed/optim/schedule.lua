--- How an optimiser's rate goes over a run, as shares of its first rate: for
--- moon.train.fit, or by hand.
--
--   local rate = optim.schedule.cosine{ opt, steps = 1000, warmup = 50 }
--   for x, y in batches do
--     ...
--     opt:step()
--     rate:step()                       -- opt.lr is now that of the next step
--   end
--   fit{ model, optim = opt, schedule = { "cosine", warmup = 50 }, ... }
--
-- Options that all have: the optimiser (fit gives its own), steps, how many
-- there are in all (fit knows), and warmup: so many steps the rate rises along
-- a line, (k + 1) / warmup, before what follows begins. Numbers of steps below
-- 1 are shares of the run.
local check = require "moonseed.check"
local host = require "moonseed.host"
local moon = require "moonseed"
local shapes = require "moonseed.optim.shapes"
local state = require "moonseed.nn.state"

--- A rate that moves; optim.schedule makes them.
---@class Rate
---@field at integer   steps that were taken
---@field first number  the optimiser's rate at the beginning
local Rate = {}
Rate.__index = Rate

local M = {}

local common = { optim = check.optional, steps = check.optional, warmup = 0 }

local function names()
  local list = {}
  for name, shape in pairs(shapes) do
    if type(shape) == "table" then list[#list + 1] = name end
  end
  table.sort(list)
  return table.concat(list, ", ")
end

local function shape_of(op, name)
  local shape = shapes[name]
  if type(shape) ~= "table" then
    check.fail(op, "no schedule '%s' (%s)", tostring(name), names())
  end
  return shape
end

-- Whether the shape needs to know how many steps there are.
local function is_whole(self)
  local whole = self.shape.is_whole
  if type(whole) == "function" then whole = whole(self.o) end
  return whole or self.o.warmup > 0 and self.o.warmup < 1
end

local function own_options(op, shape, options)
  local known = {}
  for _, from in ipairs{ common, shape.known } do
    for key, default in pairs(from) do known[key] = default end
  end
  local o = check.options(op, options, { "optim" }, known)
  shapes.check_steps(op, "warmup", o.warmup)
  if o.steps ~= nil then check.count(op, "steps", o.steps, 1) end
  if shape.check then shape.check(op, o) end
  return o
end

-- Rate number `at` from now on, for an optimiser.
local function drive(self, optim, steps)
  if type(optim) ~= "table" or type(optim.lr) ~= "number" then
    check.fail(self.op, "expects an optimiser, with a number lr")
  end
  if not steps and is_whole(self) then
    check.fail(self.op, "how many steps are there in all? Give steps =")
  end
  self.optim, self.steps, self.first = optim, steps, optim.lr
  return self
end

local function make(name, options)
  local op = "schedule." .. name
  local shape = shape_of("schedule", name)
  local o = own_options(op, shape, options)
  local self = setmetatable({ op = op, name = name, shape = shape, o = o,
                              at = 0 }, Rate)
  self.memory = shape.begin and shape.begin() or {}
  if o.optim == nil then return self end
  return drive(self, o.optim, o.steps):seek(0)
end

-- --- moving ----------------------------------------------------------------

-- The share of the first rate at step k.
local function factor_at(self, k)
  local steps = self.steps or math.huge
  local warm = shapes.steps_of(self.o.warmup, steps)
  local at = { k = k, steps = steps }
  at.part = steps > warm and math.min((k - warm) / (steps - warm), 1) or 1
  if k < warm then
    at.part = 0
    return (k + 1) / warm * self.shape.factor(self.o, at, self.memory)
  end
  return self.shape.factor(self.o, at, self.memory)
end

local function need_optim(self)
  if not self.optim then
    check.fail(self.op, "has no optimiser; give it the one to drive")
  end
end

local function seek(self, k)
  need_optim(self)
  self.at = check.count(self.op, "the step", k)
  self.optim.lr = self.first * factor_at(self, k)
end

local function step(self) seek(self, self.at + 1) end

--- Sets the optimiser's rate to that after k steps.
---@param k integer
---@return Rate self
function Rate:seek(k)
  host.part(seek, self, k)
  return self
end

--- After an optimiser's step: sets the rate of the next one.
---@return Rate self
function Rate:step()
  host.part(step, self)
  return self
end

local function tell(self, loss)
  need_optim(self)
  check.number(self.op, "the loss", loss)
  if self.shape.tell then self.shape.tell(self.o, self.memory, loss) end
  seek(self, self.at)
end

--- Tells a loss, a number; a plateau looks at it, others do not.
---@param loss number
---@return Rate self
function Rate:tell(loss)
  host.part(tell, self, loss)
  return self
end

--- Whether it goes by the losses that it is told.
---@return boolean
function Rate:listens() return self.shape.tell ~= nil end

-- --- state -----------------------------------------------------------------

local function number(value)
  return moon.tensor({ value }, { dtype = "f64" })
end

--- What a checkpoint needs: where it is, as tensors.
---@return table<string, userdata>
function Rate:state()
  need_optim(self)
  local t = { at = number(self.at), first = number(self.first) }
  for name, value in pairs(self.memory) do t[name] = number(value) end
  return t
end

--- Takes a table as `state` gives it, and sets the optimiser's rate. Other
--- names are an error, and nothing changes then.
---@param given table<string, userdata>
function Rate:load_state(given)
  local own = self:state()
  check.table(self.op .. ": load_state", "its argument", given)
  state.copy(self.op .. ": load_state", own, given)
  local first, memory = own.first:item(), {}
  for name in pairs(self.memory) do memory[name] = own[name]:item() end
  self.first, self.memory = first, memory
  self:seek(own.at:item())
end

--- What it is made of, as plain values: { "cosine", warmup = 50 }. Nil for a
--- function of one's own.
---@return table|nil
function Rate:describe()
  if not self.name then return nil end
  local t = { self.name, warmup = self.o.warmup }
  for name in pairs(self.shape.known) do
    local value = self.o[name]
    t[name] = type(value) == "table" and { unpack(value) } or value
  end
  return t
end

-- --- making ----------------------------------------------------------------

--- optim.schedule.constant{ opt, warmup = 0 }: the first rate.
---@param options table|nil
---@return Rate
function M.constant(options) return make("constant", options) end

--- optim.schedule.step{ opt, at = { 300, 600 }, factor = 0.1, warmup = 0 }: the
--- rate times `factor` at each of these steps; or every = n: at every n-th.
---@param options table|nil
---@return Rate
function M.step(options) return make("step", options) end

--- optim.schedule.linear{ opt, steps =, floor = 0, warmup = 0 }: down along a
--- line, to `floor` of the first rate.
---@param options table|nil
---@return Rate
function M.linear(options) return make("linear", options) end

--- optim.schedule.cosine{ opt, steps =, floor = 0, warmup = 0 }: down along
--- half a cosine (Loshchilov and Hutter 2017), to `floor` of the first rate.
---@param options table|nil
---@return Rate
function M.cosine(options) return make("cosine", options) end

--- optim.schedule.one_cycle{ opt, steps =, rise = 0.25, start = 0, floor = 0 }:
--- up along a line from `start` for the share `rise` of the run, then down
--- along half a cosine to `floor` (Smith and Topin 2018).
---@param options table|nil
---@return Rate
function M.one_cycle(options) return make("one_cycle", options) end

--- optim.schedule.plateau{ opt, factor = 0.1, patience = 10, threshold = 1e-4,
---                         cooldown = 0, floor = 0, warmup = 0 }
--- The rate times `factor`, but not below `floor` of the first, once more than
--- `patience` losses in a row were not below the best by the share `threshold`;
--- then `cooldown` losses do not count. It is told them: rate:tell(loss), after
--- an epoch; fit tells it the validation loss. PyTorch's ReduceLROnPlateau.
---@param options table|nil
---@return Rate
function M.plateau(options) return make("plateau", options) end

-- Of a function(part) -> factor.
local function own(fn)
  local shape = { known = {}, is_whole = true,
                  factor = function(_, at) return fn(at.part) end }
  return setmetatable({ op = "schedule", shape = shape, o = { warmup = 0 },
                        at = 0, memory = {} }, Rate)
end

--- A schedule by name, as { name, option = ... }, as optim.schedule makes it,
--- or of a function(part of the run) -> share of the first rate. It drives
--- nothing yet.
---@param op string  who asks
---@param given string|table|function
---@return Rate
function M.of(op, given)
  if type(given) == "function" then return own(given) end
  if getmetatable(given) == Rate then given = given:describe() end
  if type(given) ~= "table" then given = { given } end
  local options = {}
  for key, value in pairs(given) do options[key] = value end
  options[1] = nil
  if options.optim or options.steps then
    check.fail(op, "its schedule takes the optimiser and the steps of the run")
  end
  shape_of(op, given[1])
  return make(given[1], options)
end

--- Lets a schedule drive an optimiser over so many steps, from its next `seek`.
---@param rate Rate
---@param optim table
---@param steps integer
---@return Rate
function M.drive(rate, optim, steps) return drive(rate, optim, steps) end

return M
