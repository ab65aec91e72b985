--- What makes a moon_handle a tensor in Lua: fields, operators, finaliser.

local core = require "moonseed.ffi"
local check = require "moonseed.check"
local context = require "moonseed.context"
local ops = require "moonseed.ops"
local print = require "moonseed.print"
local tensor = require "moonseed.tensor"
local C, ffi = core.C, core.ffi

local live, state = context.live, context.state
local methods, is = tensor.methods, tensor.is

local getters = {}

--- The gradient, or nil before any backward. Never in a moon.tidy scope.
function getters.grad(t)
  local grad = C.moon_tensor_grad(live, t.p)
  if grad ~= nil then return tensor.wrap_kept(grad) end
end

--- Whether a backward would compute something for this tensor.
function getters.needs_grad(t)
  return C.moon_tensor_needs_grad(t.p) == 1
end

local meta = {}
for name, operator in pairs(ops.operators) do meta[name] = operator end

function meta.__index(t, key)
  local method = methods[key]
  if method ~= nil then return method end
  if type(key) == "number" then return methods.select(t, 1, key) end
  local getter = getters[key]
  if getter then return getter(t) end
  check.raise("a tensor has no '" .. tostring(key) .. "'")
end

local function set_grad(t, grad)
  local p = grad ~= nil and tensor.pointer("grad", "the gradient", grad) or nil
  if p and state.tidy then state.tidy:keep(grad) end
  check.status(C.moon_tensor_set_grad(live, t.p, p))
end

function meta.__newindex(t, key, value)
  if key == "grad" then return set_grad(t, value) end
  if type(key) ~= "number" then
    check.raise("a tensor's '" .. tostring(key) .. "' cannot be set")
  end
  local row = methods.select(t, 1, key)
  if type(value) == "number" or type(value) == "boolean" then
    methods.fill_(row, value)
  else
    methods.copy_(row, value)
  end
end

local release = C.moon_tensor_release

function meta.__gc(t)
  release(t.p)
end

-- Identity: the same tensor, whatever its values. Elementwise: t:eq(u).
function meta.__eq(a, b)
  return is(a) and is(b) and a.p == b.p
end

function meta.__len(t)
  return methods.size(t, 1)
end

meta.__tostring = print.text

ffi.metatype("moon_handle", meta)

return meta
