--- Blueprints: what makes the module of a seed, by name.
--
--   seed.blueprint("my_block", { build = function(shape) return module end })
--
-- A definition has
--   build(shape, options) -> module   shape is that of the slot's features,
--            batch first: { N, C, H, W } or { N, features }
--   reshape(shape) -> shape   only where the module gives another shape
--   ranks    list of the numbers of dimensions it takes; any unless given
--   options  names and defaults of what `build` takes; any unless given
--
-- The contract, checked by `build` for everyone's blueprints alike: the module
-- keeps the features' shape (or gives the declared one) and dtype, and is the
-- identity at birth. What it costs is counted (moonseed.nn.cost), not stated.
-- Those of the folder blueprints/ are read when first asked for.

local check = require "moonseed.check"
local context = require "moonseed.context"
local cost = require "moonseed.nn.cost"
local loop = require "moonseed.loop"
local Module = require "moonseed.nn.module"
local moon = require "moonseed"
local probe = require "moonseed.nn.probe"

local M = {}

--- How far from the identity a module may be at birth, see `deviation`.
M.tolerance = 1e-6

local built_in = { "noop", "norm", "attention", "depthwise", "bottleneck",
                   "conv_small", "conv_light", "conv_heavy", "lora", "mlp" }
local is_built_in = {}
for _, name in ipairs(built_in) do is_built_in[name] = true end

local registered = {}  -- users' definitions by name

local fields = { build = check.required, reshape = check.optional,
                 ranks = check.optional, options = check.optional }

local function check_definition(op, definition)
  local d = check.options(op, definition, {}, fields)
  check.callable(op, "build", d.build)
  if d.reshape ~= nil then check.callable(op, "reshape", d.reshape) end
  if d.options ~= nil then check.table(op, "options", d.options) end
  if d.ranks ~= nil then
    for _, rank in ipairs(check.table(op, "ranks", d.ranks)) do
      check.count(op, "a rank", rank, 1)
    end
  end
  return d
end

--- Adds a blueprint; a later one of the same name takes its place, for seeds
--- planted from then on. Also `blueprint(name, definition)`.
---@param name string       a word
---@param definition table  see above
function M.register(name, definition)
  check.text("blueprint", "the name", name)
  if not name:find "^[%a_][%w_]*$" then
    check.fail("blueprint", "'%s' is no name: letters, digits and _", name)
  end
  if is_built_in[name] then
    check.fail("blueprint", "'%s' is built in; take another name", name)
  end
  registered[name] = check_definition("blueprint " .. name, definition)
end

--- All names: the built-in ones, then the others in order of the alphabet.
---@return string[]
function M.names()
  local list, own = { unpack(built_in) }, {}
  for name in pairs(registered) do own[#own + 1] = name end
  table.sort(own)
  for _, name in ipairs(own) do list[#list + 1] = name end
  return list
end

--- The definition of a name; an unknown one is an error.
---@param name string
---@return table
function M.get(name)
  if is_built_in[name] then
    return require("moonseed.seed.blueprints." .. name)
  end
  local definition = registered[check.text("blueprint", "the name", name)]
  if not definition then
    check.fail("blueprint", "no '%s' (known: %s)", name,
               table.concat(M.names(), ", "))
  end
  return definition
end

local function text_of(shape) return table.concat(shape, "x") end

local function check_rank(op, ranks, shape)
  if not ranks then return end
  for _, rank in ipairs(ranks) do
    if rank == #shape then return end
  end
  check.fail(op, "takes features of %s dimensions, not %s",
             table.concat(ranks, " or "), text_of(shape))
end

-- Calls the user's code; says whose it was when it raises. An interrupt or a
-- cancellation passes as it is.
local function call(op, what, fn, ...)
  local ok, result = xpcall(fn, context.note, ...)
  if ok then return result end
  if loop.running.stopped ~= nil or type(result) ~= "string" then
    error(result, 0)
  end
  check.fail(op, "%s raised: %s", what, result)
end

local function copy(list) return { unpack(list) } end

-- The shape that the module gives.
local function expected_shape(op, definition, shape)
  if not definition.reshape then return shape end
  local given = call(op, "reshape", definition.reshape, copy(shape))
  return check.table(op, "what reshape gives", given)
end

local function check_output(op, definition, x, y)
  if not moon.is_tensor(y) then
    check.fail(op, "its module gives a %s, not a tensor", type(y))
  end
  local shape = x:shape()
  local expected = expected_shape(op, definition, shape)
  if text_of(y:shape()) ~= text_of(expected) then
    check.fail(op, "its module gives %s for features %s, %s expected%s",
               text_of(y:shape()), text_of(shape), text_of(expected),
               definition.reshape and "" or " (no reshape is declared)")
  end
  if y:dtype() ~= x:dtype() then
    check.fail(op, "its module gives %s for features in %s", y:dtype(),
               x:dtype())
  end
  return text_of(expected) == text_of(shape)
end

-- max |y - x| / max(1, max |x|). NaN where either has one.
local function relative_gap(y, x)
  local least = (x:abs():max() - 1):relu() + 1
  return (y - x):abs():max() / least
end

--- How far a module is from the identity on x: max |module(x) - x| /
--- max(1, max |x|), in evaluation. Enqueues, and leaves no trace in the module.
--- A value that is not finite makes it NaN or infinite.
---@param module table
---@param x userdata  features
---@return userdata   a scalar tensor
function M.deviation(module, x)
  local y = probe.forward(module, x)
  if not moon.is_tensor(y) or text_of(y:shape()) ~= text_of(x:shape()) then
    check.fail("deviation", "the module gives %s for features %s",
               moon.is_tensor(y) and text_of(y:shape()) or type(y),
               text_of(x:shape()))
  end
  return context.with_grad_mode(0, relative_gap, y, x)
end

local function check_birth(op, module, x)
  local gap = M.deviation(module, x):item()
  if gap ~= gap or gap > M.tolerance then
    check.fail(op, "is not the identity at birth: off by %.3g, at most %.3g "
               .. "(features %s)", gap, M.tolerance, text_of(x:shape()))
  end
end

-- The features, or nil, and their shape with the given batch and with 1.
local function read_features(op, definition, features)
  local x = moon.is_tensor(features) and features or nil
  local shape = x and x:shape() or features
  local single = probe.single(op, shape)
  check_rank(op, definition.ranks, shape)
  if x and x:dtype() ~= "f32" and x:dtype() ~= "f64" then
    check.fail(op, "takes features in f32 or f64, not %s", x:dtype())
  end
  return x, shape, single
end

local function make(op, definition, features, options)
  local x, shape, single = read_features(op, definition, features)
  local known = definition.options
  local o = known and check.options(op, options, {}, known) or options or {}
  local module = call(op, "build", definition.build, copy(shape), o)
  if not Module.is(module) then
    check.fail(op, "build gives a %s, not a module", type(module))
  end
  if x then module:to(x:device()):to(x:dtype()) end
  local input = x or context.keep_generator(moon.randn, single)
  local y = call(op, "its module's forward", probe.forward, module, input)
  if check_output(op, definition, input, y) then
    check_birth(op, module, input)
  end
  return module
end

--- Makes a seed's module and checks it against the contract, on the features
--- themselves if they are given, else on random ones (an image, f32, on the
--- current device). Reads a number, so it waits. Draws the module's first
--- values from the task's random numbers; after an error these are as before.
---@param name string
---@param features userdata|integer[]  the slot's features, or their shape
---@param options table|nil            what the blueprint takes
---@return table module  on the features' device, in their dtype
function M.build(name, features, options)
  local op, definition = "blueprint " .. tostring(name), M.get(name)
  if options ~= nil then check.table(op, "the options", options) end
  return probe.or_restore_generator(make, op, definition, features, options)
end

--- What a blueprint's module costs on features of a shape, see seed.cost.
---@param name string
---@param shape integer[]
---@param options table|nil
---@return table  { parameters =, flops = per image, bytes = }
function M.cost(name, shape, options)
  return context.keep_generator(function()
    return cost.of(M.build(name, shape, options), shape)
  end)
end

return setmetatable(M, {
  __call = function(_, name, definition) M.register(name, definition) end,
})
