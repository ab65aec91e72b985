--- Stochastic gradient descent with momentum (Sutskever et al. 2013, in the
--- form of PyTorch's SGD):
--
--   g = gradient + weight_decay * p
--   v = momentum * v + g           (v starts at zero)
--   p = p - lr * (nesterov and g + momentum * v or v)
--
-- A step is one op over all parameters that have a gradient, all or nothing.
-- Those of a module with a field `apart`, a function(fn, ...) that calls and
-- returns fn(...), are a step of their own inside it (a seed has one): whether
-- it fails is none of the others' business, and max_norm clips it by itself.
-- fn gives the norm of their gradients, whether or not they are clipped.
-- Velocities belong to parameters, not to positions: when the model gains or
-- loses parameters, new ones start without and the others keep theirs.
local check = require "moonseed.check"
local context = require "moonseed.context"
local core = require "moonseed.ffi"
local moon = require "moonseed"
local pace = require "moonseed.pace"
local retry = require "moonseed.retry"
local state = require "moonseed.nn.state"
local tensor = require "moonseed.tensor"
local C, ffi = core.C, core.ffi
local live, Module = context.live, moon.nn.Module

local SGD = {}
local known = { lr = check.required, momentum = 0, nesterov = false,
                weight_decay = 0, max_norm = 0 }

-- Names and tensors of a module, or of a list of tensors.
local function list(source)
  local names, tensors = {}, {}
  if Module.is(source) then
    for name, p in source:parameters() do
      names[#names + 1], tensors[#tensors + 1] = name, p
    end
  else
    for i, p in ipairs(source) do names[i], tensors[i] = tostring(i), p end
  end
  return names, tensors
end

local function describe(value)
  if not tensor.is(value) then return "a " .. type(value) end
  return value.needs_grad and "computed from others"
    or "a tensor that needs no gradient"
end

local function check_source(source)
  if Module.is(source) then return end
  if type(source) ~= "table" then
    check.fail("SGD", "expects a module or a list of tensors, not a %s",
               type(source))
  end
  local n = 0
  for _ in pairs(source) do n = n + 1 end
  if n ~= #source then
    check.fail("SGD", "the list of tensors has names or gaps")
  end
  for i, p in ipairs(source) do
    if not tensor.wants_grad(p) then
      check.fail("SGD", "entry %d of %d is %s, no leaf that requires its "
                 .. "gradient", i, #source, describe(p))
    end
  end
end

local function check_number(name, value)
  check.number("SGD", name, value)
  if not (value >= 0 and value < math.huge) then
    check.fail("SGD", "%s is %.14g, expected a finite number of at least 0",
               name, value)
  end
end

-- The options as they are now.
local function check_options(self)
  check_number("lr", self.lr)
  check_number("momentum", self.momentum)
  check_number("weight_decay", self.weight_decay)
  check_number("max_norm", self.max_norm)
  check.boolean("SGD", "nesterov", self.nesterov)
  if self.nesterov and self.momentum == 0 then
    check.fail("SGD", "nesterov needs a momentum above 0")
  end
end

-- What the parameters of modules with an `apart` are stepped in, by id.
local function aparts(source)
  local owner = {}
  if not Module.is(source) then return owner end
  for _, module in source:modules() do
    local apart = rawget(module, "apart")
    if apart then
      for _, p in module:parameters() do owner[p:id()] = apart end
    end
  end
  return owner
end

-- The parameters that make a step together.
local function group_of(groups, apart)
  for _, group in ipairs(groups) do
    if group.apart == apart then return group end
  end
  local group = { apart = apart, tensors = {}, ids = {} }
  groups[#groups + 1] = group
  return group
end

local function divide(self)
  local owner, groups = aparts(self.source), {}
  group_of(groups, nil)
  for i, p in ipairs(self.tensors) do
    local group = group_of(groups, owner[self.ids[i]])
    group.tensors[#group.tensors + 1] = p
    group.ids[#group.ids + 1] = self.ids[i]
  end
  for _, group in ipairs(groups) do
    local n = math.max(#group.tensors, 1)
    group.p = core.array("moon_tensor *[?]", n)
    group.g = core.array("moon_tensor *[?]", n)
    group.v = core.array("moon_tensor *[?]", n)
  end
  return groups
end

-- Reads the parameters again and forgets velocities of those that left.
local function follow(self)
  local names, tensors = list(self.source)
  local velocity, ids = {}, {}
  for i, p in ipairs(tensors) do
    ids[i] = p:id()
    velocity[ids[i]] = self.velocity[ids[i]]
  end
  self.names, self.tensors, self.ids, self.velocity =
    names, tensors, ids, velocity
  self.groups = divide(self)
  self.generation = Module.generation()
end

--- optim.SGD{ model, lr =, momentum = 0, nesterov = false, weight_decay = 0,
---            max_norm = 0 }
--- model: a module, or a list of tensors. max_norm: if positive, all gradients
--- together are first scaled to at most this norm. The options are fields that
--- may be assigned between steps.
---@param options table
---@return table optimiser
local function new(_, options)
  local o = check.options("SGD", options, { "model" }, known)
  check_source(o.model)
  check_options(o)
  local self = {
    source = o.model, lr = o.lr, momentum = o.momentum,
    nesterov = o.nesterov, weight_decay = o.weight_decay,
    max_norm = o.max_norm, velocity = {},
    params = ffi.new "moon_sgd_params",
  }
  follow(self)
  return setmetatable(self, SGD)
end

-- For names that are no fields, or were set to nil.
function SGD.__newindex(self, name, value)
  check.names("SGD", { [name] = value }, known)
  rawset(self, name, value)
end

local function set_params(self)
  check_options(self)
  local params = self.params
  params.lr, params.momentum = self.lr, self.momentum
  params.weight_decay, params.max_norm = self.weight_decay, self.max_norm
  params.nesterov = self.nesterov and 1 or 0
end

-- Zero, of p's shape, in no moon.tidy scope.
local function zeros_like(p)
  local options = { dtype = p:dtype(), device = p:device() }
  return moon.zeros(p:shape(), options):keep()
end

-- For parameters with their first gradient.
local function add_velocities(self)
  if self.momentum == 0 then return end
  for i, id in ipairs(self.ids) do
    local p = self.tensors[i]
    if not self.velocity[id] and p.grad then
      self.velocity[id] = zeros_like(p)
    end
  end
end

-- Fills the pointer arrays with the parameters that have a gradient.
local function gather(self, group)
  local n, tensors = 0, group.tensors
  for i = 1, #tensors do
    local p = tensors[i].p
    local gradient = C.moon_tensor_grad(p)
    if gradient ~= nil then
      group.p[n], group.g[n] = p, gradient
      group.v[n] = self.momentum ~= 0 and self.velocity[group.ids[i]].p or nil
      n = n + 1
    end
  end
  return n
end

local function copy(pointers, n)
  local other = core.array("moon_tensor *[?]", n)
  ffi.copy(other, pointers, n * ffi.sizeof "void *")
  return other
end

local function submit(self, group, n, out)
  context.state.op = "sgd"
  tensor.trace_site()
  local p, g, v = group.p, group.g, group.v
  local status = C.moon_sgd_step(live, n, p, g, v, self.params, out)
  if status < 0 then  -- others may step meanwhile
    retry.call(status, C.moon_sgd_step, live, n, copy(p, n), copy(g, n),
               copy(v, n), self.params, out)
  end
end

-- The norm of the group's gradients, with max_norm or apart; whether there were
-- any.
local function step_group(self, group)
  local n = gather(self, group)
  if n == 0 then return nil, false end
  local out = (self.max_norm > 0 or group.apart) and tensor.out or nil
  local ok, e = pcall(submit, self, group, n, out)
  for i = 0, n - 1 do C.moon_tensor_release(group.g[i]) end
  if not ok then error(e, 0) end
  return out and tensor.wrap(out[0]), true
end

--- One step along the gradients there are; enqueues and returns. Suspends the
--- task while it is too far ahead of the device.
---@return userdata? norm of the gradients before clipping, with max_norm
function SGD:step()
  if self.generation ~= Module.generation() then follow(self) end
  set_params(self)
  add_velocities(self)
  local norm, any = step_group(self, self.groups[1])
  for i = 2, #self.groups do
    local group = self.groups[i]
    local _, some = group.apart(step_group, self, group)
    any = any or some
  end
  if not any then return pace.pause() end
  pace.step()
  return norm
end

--- Clears the gradients of all parameters: they become nil.
function SGD:zero_grad()
  if self.generation ~= Module.generation() then follow(self) end
  local tensors = self.tensors
  for i = 1, #tensors do C.moon_tensor_set_grad(tensors[i].p, nil) end
end

--- What a checkpoint needs: velocities by the names of their parameters (the
--- tensors themselves) and `lr`.
---@return table<string, userdata>
function SGD:state()
  if self.generation ~= Module.generation() then follow(self) end
  local t = { lr = moon.tensor({ self.lr }, { dtype = "f64" }) }
  for i, name in ipairs(self.names) do
    t["velocity." .. name] = self.velocity[self.ids[i]]
  end
  return t
end

--- Takes a table as `state` gives it. Names of parameters that there are not,
--- and other shapes, are an error, and nothing changes then.
---@param given table<string, userdata>
function SGD:load_state(given)
  check.table("SGD: load_state", "its argument", given)
  if self.generation ~= Module.generation() then follow(self) end
  local velocity, own, wanted = {}, {}, {}
  for i, name in ipairs(self.names) do
    local key = "velocity." .. name
    if given[key] then
      own[key] = zeros_like(self.tensors[i])
      velocity[self.ids[i]] = own[key]
    end
  end
  own.lr = moon.zeros(1, { dtype = "f64" })
  for key, value in pairs(given) do wanted[key] = value end
  state.copy("SGD: load_state", own, wanted)
  self.lr = own.lr:item()
  self.velocity = velocity
end

SGD.__index = SGD

return setmetatable(SGD, { __call = new })
