--- Tensors from values, numbers and randomness.
--
-- A shape is given as numbers or as one list: zeros(2, 3), zeros{ 2, 3 }. The
-- last argument may be a table of options: `dtype` (f32 unless said otherwise)
-- and `device` (the current one).

local autocast = require "moonseed.autocast"
local core = require "moonseed.ffi"
local check = require "moonseed.check"
local context = require "moonseed.context"
local tensor = require "moonseed.tensor"
local C = core.C

local live, state = context.live, context.state
local out, call = tensor.out, tensor.call

local M = {}

local MAX_DIMS = tonumber(C.MOON_MAX_DIMS)
local known = { dtype = check.optional, device = check.optional }

local function read_options(op, options, dtype)
  local o = check.options(op, options, {}, known)
  state.op = op
  return check.dtype(op, o.dtype or dtype), o.device
end

-- call(fn, ...) with `device` as the current one.
local function call_on(device, fn, ...)
  if device == nil then return call(fn, ...) end
  return context.with_stream(live.stream, context.find_device(device), call,
                             fn, ...)
end

-- The `n` extents in `list`, as the core takes them.
local function fill_shape(op, list, n)
  if n > MAX_DIMS then
    check.fail(op, "%d dimensions, at most %d", n, MAX_DIMS)
  end
  local shape = core.extents()
  for i = 1, n do
    shape[i - 1] = check.count(op, "extent " .. i, list[i])
  end
  return n, shape
end

-- How many extents a list has, the gaps counted.
local function count_extents(op, list)
  local n = #list
  for key in pairs(list) do
    if type(key) ~= "number" or key % 1 ~= 0 or key < 1 then
      check.fail(op, "'%s' among the extents; options come after them",
                 tostring(key))
    end
    n = math.max(n, key)
  end
  return n
end

-- A list of extents, how many they are, and the options.
local function read_shape(op, ...)
  local list, n = { ... }, select("#", ...)
  local first, last = list[1], list[n]
  if type(first) == "table" and n <= 2 then
    if n == 1 and type(next(first)) == "string" and #first == 0 then
      return {}, 0, first  -- options alone
    end
    return first, count_extents(op, first), list[2]
  end
  if n > 1 and type(last) == "table" then return list, n - 1, last end
  return list, n
end

-- --- one value everywhere ------------------------------------------------

local function full(op, value, ...)
  local list, n, options = read_shape(op, ...)
  local dtype, device = read_options(op, options, "f32")
  local ndim, shape = fill_shape(op, list, n)
  return call_on(device, C.moon_full, dtype, ndim, shape, value, out)
end

--- Zeros.
---@param ... any  extents, or one list of them; then dtype (f32), device
---@return userdata  the tensor
function M.zeros(...) return full("zeros", 0, ...) end

--- Ones.
---@param ... any  extents, or one list of them; then dtype (f32), device
---@return userdata  the tensor
function M.ones(...) return full("ones", 1, ...) end

--- full({ 2, 3 }, value, options)
---@param list integer[]|integer  the shape
---@param value number|boolean
---@param options table|nil  dtype: f32, or bool for a boolean; device
---@return userdata  the tensor
function M.full(list, value, options)
  if type(value) == "boolean" then
    options = options or { dtype = "bool" }
    value = value and 1 or 0
  end
  check.number("full", "the value", value)
  if type(list) == "number" then list = { list } end
  return full("full", value, check.table("full", "the shape", list),
              options or {})
end

--- Memory of unknown contents.
---@param ... any  extents, or one list of them; then dtype (f32), device
---@return userdata  the tensor
function M.empty(...)
  local list, n, options = read_shape("empty", ...)
  local dtype, device = read_options("empty", options, "f32")
  local ndim, shape = fill_shape("empty", list, n)
  return call_on(device, C.moon_empty, dtype, ndim, shape, out)
end

--- arange(n): 0 to n - 1. arange(start, stop, step): up to, without, stop.
---@param start number
---@param stop number|nil
---@param step number|nil  1 unless given
---@param options table|nil  dtype (f32), device; may follow any number
---@return userdata  the tensor, of one dimension
function M.arange(start, stop, step, options)
  if type(stop) == "table" then stop, options = nil, stop end
  if type(step) == "table" then step, options = nil, step end
  if stop == nil then start, stop = 0, start end
  local dtype, device = read_options("arange", options, "f32")
  return call_on(device, C.moon_arange, dtype,
                 check.number("arange", "start", start),
                 check.number("arange", "stop", stop),
                 check.number("arange", "step", step or 1), out)
end

-- --- random --------------------------------------------------------------

local function random(op, kind, a, b, dtype, ...)
  local list, n, options = read_shape(op, ...)
  local code, device = read_options(op, options, dtype)
  local ndim, shape = fill_shape(op, list, n)
  return call_on(device, C.moon_random, code, kind, a, b, ndim, shape, out)
end

--- Uniform in [0, 1).
---@param ... any  extents, or one list of them; then dtype (f32), device
---@return userdata  the tensor
function M.rand(...)
  return random("rand", C.MOON_RAND_UNIFORM, 0, 1, "f32", ...)
end

--- Normal, mean 0 and deviation 1.
---@param ... any  extents, or one list of them; then dtype (f32), device
---@return userdata  the tensor
function M.randn(...)
  return random("randn", C.MOON_RAND_NORMAL, 0, 1, "f32", ...)
end

--- Whole numbers in [low, high): randint(low, high, shape...); i64.
---@param low number
---@param high number
---@param ... any  extents, or one list of them; then dtype (i64), device
---@return userdata  the tensor
function M.randint(low, high, ...)
  check.number("randint", "low", low)
  check.number("randint", "high", high)
  return random("randint", C.MOON_RAND_INT, low, high, "i64", ...)
end

--- The numbers from 0 to n - 1 in random order, i64.
---@param n integer
---@return userdata  the tensor [n]
function M.randperm(n)
  return call(C.moon_randperm, check.count("randperm", "n", n), out)
end

--- Rows drawn with replacement, each as often as its weight says; i64, from 0.
--- Weights are finite and not negative; they need not sum to 1.
---@param weights userdata  the tensor [N], f32 or f64
---@param n integer
---@return userdata  the tensor [n]
function M.multinomial(weights, n)
  local w = tensor.pointer("multinomial", "weights", weights)
  check.count("multinomial", "n", n)
  return tensor.after(call(C.moon_multinomial, w, n, out), weights)
end

-- --- from Lua values -----------------------------------------------------

local c_types = { f32 = "float[?]", f64 = "double[?]", i64 = "int64_t[?]",
                  i32 = "int32_t[?]", u8 = "uint8_t[?]", bool = "uint8_t[?]",
                  bf16 = "float[?]", f16 = "float[?]" }
local ranges = { i64 = { -2 ^ 53, 2 ^ 53 }, i32 = { -2 ^ 31, 2 ^ 31 - 1 },
                 u8 = { 0, 255 }, bool = { 0, 1 } }

-- The shape that the first elements have, and the first value.
local function measure(value)
  local list = {}
  while type(value) == "table" do
    list[#list + 1] = #value
    if #list > MAX_DIMS then
      check.fail("tensor", "tables nested more than %d deep", MAX_DIMS)
    end
    value = value[1]
  end
  return list, value
end

local function refuse_value(value, dtype)
  if type(value) == "table" then
    check.fail("tensor", "ragged: a table where others have a value")
  elseif type(value) ~= "number" then
    check.fail("tensor", "a value is %s, not a number", tensor.is(value)
               and "a tensor (moon.stack joins tensors)"
               or "a " .. type(value))
  end
  check.fail("tensor", "%.14g is no %s", value, dtype)
end

local function element(value, dtype, range)
  if type(value) == "boolean" then return value and 1 or 0 end
  if type(value) ~= "number" or
      (range and (value % 1 ~= 0 or value < range[1] or value > range[2])) then
    refuse_value(value, dtype)
  end
  return value
end

---@class Filling  what `fill` writes to
---@field data userdata   buffer
---@field n integer       values written
---@field shape integer[]
---@field dtype string

-- A table of values has nothing but them.
local function check_keys(list)
  local n, values = #list, 0
  for key in pairs(list) do
    if type(key) ~= "number" then
      check.fail("tensor", "'%s' among the values; options come after them",
                 tostring(key))
    end
    values = values + 1
  end
  if values ~= n then
    check.fail("tensor", "a table of %d values has a gap", values)
  end
end

local function fill(into, value, depth)
  local extent = into.shape[depth]
  if type(value) ~= "table" then
    check.fail("tensor", "ragged: a value where others have a table of %d",
               extent)
  end
  check_keys(value)
  if #value ~= extent then
    check.fail("tensor", "ragged: a table of %d values where others have %d",
               #value, extent)
  end
  if depth < #into.shape then
    for i = 1, extent do fill(into, value[i], depth + 1) end
    return
  end
  local data, at, dtype, range = into.data, into.n, into.dtype, into.range
  for i = 1, extent do data[at + i - 1] = element(value[i], dtype, range) end
  into.n = at + extent
end

-- bf16 and f16 are rounded by the core, from f32.
local from_host
function from_host(dtype, ndim, shape, data, n)
  local code = check.dtypes[dtype]
  if check.halves[dtype] then
    local t = from_host("f32", ndim, shape, data, n)
    return tensor.after(call(C.moon_cast, t.p, code, out), t)
  end
  return call(C.moon_from_host, code, ndim, shape, data,
              n * check.dtype_sizes[dtype], out)
end

--- A tensor of the values of a number, a boolean or nested tables.
---@param value number|boolean|table
---@param options table|nil  dtype: f32, or bool if the first value is one
---@return userdata  the tensor
function M.tensor(value, options)
  local list, first = measure(value)
  local default = type(first) == "boolean" and "bool" or "f32"
  local code, device = read_options("tensor", options, default)
  local dtype = check.dtype_names[code]
  local ndim, shape = fill_shape("tensor", list, #list)
  local n = 1
  for _, extent in ipairs(list) do n = n * extent end
  local data = core.array(c_types[dtype], math.max(n, 1))
  if ndim == 0 then
    data[0] = element(value, dtype, ranges[dtype])
  else
    fill({ data = data, n = 0, shape = list, dtype = dtype,
           range = ranges[dtype] }, value, 1)
  end
  if device == nil then return from_host(dtype, ndim, shape, data, n) end
  return context.with_stream(live.stream, context.find_device(device),
                             from_host, dtype, ndim, shape, data, n)
end

-- --- joining -------------------------------------------------------------

local function join(op, fn, list, dim, extra)
  check.table(op, "its first argument", list)
  for key in pairs(list) do
    if type(key) ~= "number" then
      check.fail(op, "'%s' among the tensors; the dimension comes after them",
                 tostring(key))
    end
  end
  if #list == 0 then check.fail(op, "no tensors") end
  local pointers = core.array("moon_tensor *[?]", #list)
  for i, t in ipairs(list) do
    tensor.pointer(op, "tensor " .. i, t)
  end
  list = autocast.met(list)
  for i, t in ipairs(list) do pointers[i - 1] = t.p end
  local ndim = C.moon_tensor_ndim(list[1].p) + extra
  dim = check.dim(op, dim or 1, ndim)
  return tensor.after(call(fn, #list, pointers, dim, out), list)
end

--- Joins tensors along a dimension (the first unless given).
---@param list table  of tensors
---@param dim integer|nil
---@return userdata  the tensor
function M.cat(list, dim) return join("cat", C.moon_cat, list, dim, 0) end

--- Joins tensors of one shape along a new dimension (the first unless given).
---@param list table  of tensors
---@param dim integer|nil
---@return userdata  the tensor
function M.stack(list, dim) return join("stack", C.moon_stack, list, dim, 1) end

return M
