--- A tensor as Lua holds it: a `moon_handle` by value, whose finaliser gives
-- back its reference. Here: handles, facts about tensors, and how the core's
-- functions are called. Operations add themselves to `M.methods`;
-- moonseed.metatype makes them methods.

local core = require "moonseed.ffi"
local check = require "moonseed.check"
local collect = require "moonseed.collect"
local context = require "moonseed.context"
local recorded = require "moonseed.recorded"
local retry = require "moonseed.retry"
local C, ffi = core.C, core.ffi

local live, state = context.live, context.state
local istype = ffi.istype

local M = {}

--- What users call on a tensor, by name.
M.methods = {}
local methods = M.methods

local handle = ffi.typeof "moon_handle"
--- Where the core's functions put a new tensor.
local out = ffi.new "moon_tensor *[1]"
M.out = out

--- A handle that owns the reference `p`, in no moon.tidy scope.
---@param p userdata  moon_tensor *
---@return userdata  a moon_handle
M.wrap_kept = handle

--- A handle that owns the reference `p`, in the current moon.tidy scope.
---@param p userdata  moon_tensor *
---@return userdata  a moon_handle
local function wrap(p)
  local t = handle(p)
  collect.count()
  if state.tidy then state.tidy:add(t) end
  return t
end
M.wrap = wrap

--- Takes the tensor from under its name, for what nobody names any more. Its
--- memory goes unless a view, the graph or an op needs it; a stand-in reports
--- its use.
---@param t userdata
function M.let_go(t)
  local p = t.p
  t.p = C.moon_tensor_ghost(p)
  C.moon_tensor_release(p)
end

--- Whether `value` is a tensor.
---@return boolean
local function is(value)
  return istype(handle, value)
end
M.is = is

--- The core's pointer of an argument that must be a tensor.
---@param op string    what the user called
---@param name string  of the argument
---@param value any
---@return userdata  moon_tensor *, borrowed
local function pointer(op, name, value)
  if not istype(handle, value) then
    check.fail(op, "%s is a tensor, not %s", name,
               value == nil and "nothing" or type(value))
  end
  state.op = op
  return value.p
end
M.pointer = pointer

--- Its first argument. The others are kept from the collector until that is
--- known: `return after(call(fn, x.p, out), x)`. A pointer keeps nothing, and a
--- call that is short of memory collects before it is tried again.
---@param y any
---@return any
function M.after(y) return y end

local sites = {}  -- the core's numbers by file:line

--- Tells the core the user's line, for errors, if moon.debug wants it.
function M.trace_site()
  if not state.sites then return end
  local text = check.site() or "?"
  if not sites[text] then sites[text] = C.moon_site_add(live.rt, text) end
  live.site = sites[text]
end

--- Calls a function of the core that makes a tensor, `fn(ctx, ..., out)`, and
--- tries again when memory is short. `...` ends with `M.out`. See M.after.
---@param fn function
---@param ... any  what `fn` takes after the context
---@return userdata  a moon_handle
function M.call(fn, ...)
  if state.sites then M.trace_site() end
  local status = fn(live, ...)
  if status < 0 then retry.call(status, fn, live, ...) end
  return wrap(out[0])
end

-- --- facts ---------------------------------------------------------------

--- Extents, as a list.
---@return integer[]
function methods.shape(t)
  local p = pointer("shape", "t", t)
  local shape, list = C.moon_tensor_shape(p), {}
  for i = 1, C.moon_tensor_ndim(p) do list[i] = tonumber(shape[i - 1]) end
  return list
end

--- The extent of one dimension.
---@param dim integer  from 1, or from -1 down
---@return integer
function methods.size(t, dim)
  local p = pointer("size", "t", t)
  local at = check.dim("size", dim, C.moon_tensor_ndim(p))
  return tonumber(C.moon_tensor_shape(p)[at])
end

---@return integer
function methods.ndim(t)
  return C.moon_tensor_ndim(pointer("ndim", "t", t))
end

--- The number of elements.
---@return integer
function methods.numel(t)
  return tonumber(C.moon_tensor_numel(pointer("numel", "t", t)))
end

---@return string  f32, f64, i64, i32, u8, bool, bf16 or f16
function methods.dtype(t)
  return check.dtype_names[C.moon_tensor_dtype(pointer("dtype", "t", t))]
end

---@return string  cpu, cuda:0, ...
function methods.device(t)
  local p = pointer("device", "t", t)
  return ffi.string(C.moon_device_name(live.rt, C.moon_tensor_device(p)))
end

--- A number that no other tensor has: the same for every handle of a tensor.
---@return integer
function methods.id(t)
  return tonumber(C.moon_tensor_id(pointer("id", "t", t)))
end

--- Whether the tensor's value is there, so that reading it would not wait.
---@return boolean
function methods.is_ready(t)
  recorded.refuse_read "is_ready"
  return C.moon_tensor_ready(pointer("is_ready", "t", t)) == 1
end

--- Makes this leaf one that wants its gradient; false: not any more.
---@param on boolean|nil
---@return userdata  the tensor
function methods.requires_grad(t, on)
  local p = pointer("requires_grad", "t", t)
  if on ~= nil then check.boolean("requires_grad", "its argument", on) end
  check.status(C.moon_tensor_set_requires_grad(p, on == false and 0 or 1))
  if state.tidy then state.tidy:keep(t) end
  return t
end

--- Whether `value` is a parameter: a leaf that wants its gradient.
---@param value any
---@return boolean
function M.wants_grad(value)
  return is(value) and C.moon_tensor_needs_grad(value.p) == 1
    and C.moon_tensor_is_leaf(value.p) == 1
end

--- Cuts the memory into `n` regions along the first dimension: views of
--- different ones depend on nothing of each other.
---@param n integer
---@return userdata  the tensor
function methods.split_regions(t, n)
  local p = pointer("split_regions", "t", t)
  check.count("split_regions", "the number of regions", n, 1)
  methods.await(t)
  check.status(C.moon_tensor_split(live, p, n))
  return t
end

--- "2x3", or "scalar".
---@param t userdata
---@return string
function M.shape_text(t)
  local shape = methods.shape(t)
  return #shape == 0 and "scalar" or table.concat(shape, "x")
end

--- Raises where a tensor was disposed: for what reads it without an op.
---@param op string   what the user called
---@param t userdata  a tensor
function M.alive(op, t)
  if C.moon_tensor_disposed(t.p) == 0 then return end
  check.fail(op, "tensor %d (%s %s) was disposed", methods.id(t),
             methods.dtype(t), M.shape_text(t))
end

return M
