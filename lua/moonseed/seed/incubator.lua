--- How a seed learns before the host notices it.
--
-- By a *shadow loss*: on the host's features, detached, the seed and a small
-- head of its own (global mean, linear) are trained against the labels,
--
--   cross_entropy(head(seed(features)), labels)
--
-- with an optimiser, a generator and clipping of their own, on the seed's
-- stream. Beside it a second head, which starts with the same values, learns
-- from the bare features: what the seed is worth is how much lower its loss is
-- (`improvement`). With tail = true the head is the rest of the host, frozen
-- (tail.lua), and what it makes of the bare features is compared with; likewise
-- with a function of your own.
--
-- Straight-through incubation (through = true) is there for comparison: the
-- forward is h, the gradient of the host's loss reaches the seed as if it had
-- been s. Nothing of the seed's values gets into the host: h + (s - s) would
-- let in one NaN.

local check = require "moonseed.check"
local context = require "moonseed.context"
local moon = require "moonseed"
local nn = require "moonseed.nn"
local optim = require "moonseed.optim"
local pace = require "moonseed.pace"
local Tail = require "moonseed.seed.tail"

local Incubator = {}
Incubator.__index = Incubator

local known = { classes = check.optional, tail = check.optional,
                optim = check.optional, lr = check.optional,
                momentum = check.optional, max_norm = 1, through = false }

-- The optimiser as optim.rebuild takes it. lr and momentum are short for SGD's;
-- the norm of the gradients, which clipping finds, is a measure.
local function optim_of(o)
  if o.optim and (o.lr or o.momentum) then
    check.fail("incubation", "lr and momentum are SGD's; with optim, say them "
               .. "there: optim = { \"AdamW\", lr = 0.003 }")
  end
  local description = { max_norm = o.max_norm }
  for name, value in pairs(o.optim or { "SGD", lr = o.lr or 0.05,
                                        momentum = o.momentum or 0.9 }) do
    description[name] = value
  end
  optim.rebuild(description, {})  -- raises what is wrong with it
  if description.max_norm == 0 then
    check.fail("incubation", "max_norm is above 0; a large one clips nothing")
  end
  return description
end

--- What incubation may be given: { optim = { "SGD", lr = 0.05, momentum = 0.9
--- }, max_norm = 1, through = false, classes = n }, tail = true or
--- function(s, x) -> logits, for what the seed makes of the features x. lr and
--- momentum, without optim, are those of SGD.
---@param options table|nil
---@return table
function Incubator.options(options)
  local o = check.options("incubation", options, {}, known)
  check.boolean("incubation", "through", o.through)
  if o.optim ~= nil then check.table("incubation", "optim", o.optim) end
  o.optim = optim_of(o)
  if type(o.tail) ~= "boolean" and o.tail ~= nil then
    check.callable("incubation", "tail", o.tail)
  end
  if not o.classes and not o.tail and not o.through then
    check.fail("incubation", "how many classes are there? Give the garden "
               .. "classes = n, or data that knows")
  end
  return o
end

local function new_head(shape, classes)
  if #shape == 2 then return nn.Linear{ shape[2], classes } end
  return nn.Sequential{ nn.GlobalAvgPool2d{}, nn.Linear{ shape[2], classes } }
end

local function list(...)
  local tensors = {}
  for _, module in ipairs{ ... } do
    for _, p in module:parameters() do tensors[#tensors + 1] = p end
  end
  return tensors
end

local function optimiser(tensors, o)
  if #tensors == 0 then return nil end
  return optim.rebuild(o.optim, tensors)
end

-- The heads and optimisers; inside the seed's generator.
local function build(self, shape, o)
  local function head()
    local module = new_head(shape, o.classes)
    for _, place in ipairs(self.seed.place or {}) do module:to(place) end
    return module
  end
  if not o.tail and not o.through then
    self.head = head()
    if not o.alone then
      self.base_head = head()
      self.base_head:load_state(self.head:state())
      self.base_optimiser = optimiser(list(self.base_head), o)
    end
    self.optimiser = optimiser(list(self.seed.module, self.head), o)
  else
    self.optimiser = optimiser(list(self.seed.module), o)
  end
end

--- For a seed in GERMINATED, on features of this shape. Changes nothing of the
--- seed; `generator` is what its own will be.
---@param seed table
---@param shape integer[]
---@param options table  see Incubator.options; alone: without a bare head
---                       and statistics, but for the shadow loss
---@return table
function Incubator.new(seed, shape, options)
  local self = setmetatable({ seed = seed, through = options.through,
                              tail = options.tail, alone = options.alone,
                              steps = {} }, Incubator)
  if self.tail == true then
    self.tail = Tail.new(seed.garden.model, seed.slot)
  end
  -- The seed's own moves once the seed gets there.
  self.generator = context.copy_generator(seed.generator)
  context.isolated(self.generator, build, self, shape, options)
  return self
end

--- After the seed was moved: so are heads and optimisers.
---@param target string  a device or a dtype
function Incubator:moved(target)
  for _, head in ipairs{ self.head, self.base_head } do head:to(target) end
  local function follow(opt, ...)
    if not opt then return end
    rawset(opt, "source", list(...))
    rawset(opt, "generation", nil)
  end
  follow(self.optimiser, self.seed.module, self.head)
  follow(self.base_optimiser, self.base_head)
end

-- --- by shadow loss --------------------------------------------------------

local function shadow(self, features)
  local s = self.seed.module(features)
  return self.tail and self.tail(s, features) or self.head(s), s
end

local function learn(self, features, labels)
  local seed, row = self.seed, self.seed.row
  local logits, s = shadow(self, features)
  local loss = nn.cross_entropy(logits, labels)
  if self.optimiser then loss:backward() end
  seed.measures:store(row, "shadow_loss", loss:detach():reshape(1))
  if not self.alone then
    seed.measures:watch(row, "output", s:detach())
  end
  if self.base_head then
    local base = nn.cross_entropy(self.base_head(features), labels)
    base:backward()
    seed.measures:store(row, "base_loss", base:detach():reshape(1))
    self.base_optimiser:step()
    self.base_optimiser:zero_grad()
  end
  if not self.optimiser then return end
  local norm = self.optimiser:step()
  if not self.alone then
    seed.measures:store(row, "gradient_norm", norm:reshape(1))
  end
  self.optimiser:zero_grad()
end

-- What came by way of the host's loss.
local function learn_through(self)
  local norm = self.optimiser and self.optimiser:step()
  if norm then
    self.seed.measures:store(self.seed.row, "gradient_norm", norm:reshape(1))
  end
  if self.optimiser then self.optimiser:zero_grad() end
end

--- One step; enqueues and returns. An error in it is the seed's.
---@param features userdata  detached
---@param labels userdata    i64 [N]
function Incubator:step(features, labels)
  if features:size(1) ~= labels:size(1) then
    check.fail("garden:step", "%d labels for the %d examples that the slot %s "
               .. "has seen last", labels:size(1), features:size(1),
               self.seed.slot.name)
  end
  local fn, seed = self.through and learn_through or learn, self.seed
  pace.apart(self.steps, moon.tidy, function()
    seed:try(seed.apart, seed, fn, self, features, labels)
  end)
end

-- --- straight through ------------------------------------------------------

local straight = moon.op{
  name = "straight_through",
  forward = function(_, h) return h:view(unpack(h:shape())) end,
  backward = function(_, dy) return dy, dy end,
}

--- h as it is, with the seed in the graph.
---@param h userdata
---@param features userdata  what the seed is given, detached
---@return userdata
function Incubator:pass_through(h, features)
  local seed = self.seed
  local s = seed:forward(features)
  if not s then return h end
  seed.measures:watch(seed.row, "output", s:detach())
  return straight(h, s)
end

-- --- measuring -------------------------------------------------------------

local function losses(self, features, labels)
  local logits = shadow(self, features)
  local loss = nn.cross_entropy(logits, labels)
  local bare = self.tail and self.tail(features, features)
    or self.base_head and self.base_head(features)
  return loss, bare and nn.cross_entropy(bare, labels)
end

--- The shadow loss on held-out features, and that of the bare features;
--- tensors. Leaves the seed as it was.
---@param features userdata
---@param labels userdata
---@return userdata|nil loss  nil when learning through, and where it fails
---@return userdata|nil base  nil when alone, too
function Incubator:measure(features, labels)
  if self.through then return nil end
  local seed, generator = self.seed, context.save_generator()
  local module = seed.module
  module:eval()
  local loss, base = seed:try(moon.no_grad, function()
    return losses(self, features, labels)
  end)
  module:train()
  context.load_generator(generator)
  return loss, base
end

return Incubator
