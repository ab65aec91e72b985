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
-- (`improvement`). With tail = true the head is the rest of the host, frozen.
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

local Incubator = {}
Incubator.__index = Incubator

local known = { classes = check.optional, tail = check.optional, lr = 0.05,
                momentum = 0.9, max_norm = 1, through = false }

--- What incubation may be given: { lr = 0.05, momentum = 0.9, max_norm = 1,
--- through = false, classes = n }, tail = function(features) -> logits.
---@param options table|nil
---@return table
function Incubator.options(options)
  local o = check.options("incubation", options, {}, known)
  check.boolean("incubation", "through", o.through)
  if o.tail then check.callable("incubation", "tail", o.tail) end
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
  return optim.SGD{ tensors, lr = o.lr, momentum = o.momentum,
                    max_norm = o.max_norm }
end

-- The heads and optimisers; inside the seed's generator.
local function build(self, shape, o)
  if not o.tail then
    self.head = new_head(shape, o.classes)
    if not o.alone then
      self.base_head = new_head(shape, o.classes)
      self.base_head:load_state(self.head:state())
      self.base_optimiser = optimiser(list(self.base_head), o)
    end
    self.optimiser = optimiser(list(self.seed.module, self.head), o)
  else
    self.optimiser = optimiser(list(self.seed.module), o)
  end
end

--- For a seed in GERMINATED, on features of this shape.
---@param seed table
---@param shape integer[]
---@param options table  see Incubator.options; alone: without a bare head
---                       and statistics, but for the shadow loss
---@return table
function Incubator.new(seed, shape, options)
  local self = setmetatable({ seed = seed, through = options.through,
                              tail = options.tail, alone = options.alone,
                              steps = {} }, Incubator)
  context.isolated(seed.generator, build, self, shape, options)
  seed.module:train()
  return self
end

-- --- by shadow loss --------------------------------------------------------

local function shadow(self, features)
  local s = self.seed.module(features)
  return self.tail and self.tail(s) or self.head(s), s
end

local function learn(self, features, labels)
  local seed, row = self.seed, self.seed.row
  local logits, s = shadow(self, features)
  local loss = nn.cross_entropy(logits, labels)
  if self.optimiser then loss:backward() end
  local value = loss:detach():reshape(1)
  seed.measures:store(row, "shadow_loss", value)
  if self.alone then
    seed.measures:bear_witness(row, value)
  else
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

--- One step; enqueues and returns.
---@param features userdata  detached
---@param labels userdata    i64 [N]
function Incubator:step(features, labels)
  local fn = self.through and learn_through or learn
  pace.apart(self.steps, moon.tidy, function()
    self.seed:apart(fn, self, features, labels)
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
---@return userdata
function Incubator:pass_through(h)
  local features = h:detach()
  local s = self.seed:apart(function() return self.seed.module(features) end)
  return straight(h, s)
end

-- --- measuring -------------------------------------------------------------

local function losses(self, features, labels)
  local logits = shadow(self, features)
  local loss = nn.cross_entropy(logits, labels)
  local base = self.base_head
    and nn.cross_entropy(self.base_head(features), labels)
  return loss, base
end

--- The shadow loss on held-out features, and the bare head's; tensors. Leaves
--- the seed as it was.
---@param features userdata
---@param labels userdata
---@return userdata|nil loss, userdata|nil base  nil when learning through
function Incubator:measure(features, labels)
  if self.through then return nil end
  local module, generator = self.seed.module, context.save_generator()
  module:eval()
  local ok, loss, base = pcall(moon.no_grad, function()
    return losses(self, features, labels)
  end)
  module:train()
  context.load_generator(generator)
  if not ok then error(loss, 0) end
  return loss, base
end

return Incubator
