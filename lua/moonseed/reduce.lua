--- Reductions: over all dimensions, one, or a list of them; the dimensions go
-- unless `keepdim`. x:sum(), x:sum(1), x:sum{ 1, 2, keepdim = true},
-- x:sum(1, { keepdim = true }).

local core = require "moonseed.ffi"
local check = require "moonseed.check"
local context = require "moonseed.context"
local retry = require "moonseed.retry"
local tensor = require "moonseed.tensor"
local C, ffi = core.C, core.ffi

local live = context.live
local out, wrap, pointer = tensor.out, tensor.wrap, tensor.pointer
local call, methods = tensor.call, tensor.methods

local dims = ffi.new("int32_t[?]", C.MOON_MAX_DIMS)
local indices = ffi.new "moon_tensor *[1]"

local function keepdim_of(op, options)
  if options == nil then return 0 end
  local o = check.options(op, options, {}, { keepdim = false })
  return check.boolean(op, "keepdim", o.keepdim) and 1 or 0
end

-- Fills `dims`; returns how many, and keepdim.
local function read_dims(op, p, given, options)
  local ndim = C.moon_tensor_ndim(p)
  if given == nil then return 0, keepdim_of(op, options) end
  if type(given) ~= "table" then
    dims[0] = check.dim(op, given, ndim)
    return 1, keepdim_of(op, options)
  end
  local keepdim = keepdim_of(op, options)
  for key, value in pairs(given) do
    if key == "keepdim" then
      keepdim = check.boolean(op, "keepdim", value) and 1 or 0
    elseif type(key) ~= "number" then
      check.fail(op, "no option '%s' (known: keepdim)", tostring(key))
    end
  end
  if #given > ndim then
    check.fail(op, "%d dimensions of a tensor with %d", #given, ndim)
  end
  for i, dim in ipairs(given) do dims[i - 1] = check.dim(op, dim, ndim) end
  return #given, keepdim
end

local function reduction(op, kind)
  kind = tonumber(kind)
  return function(x, over, options)
    local p = pointer(op, "x", x)
    local n, keepdim = read_dims(op, p, over, options)
    return call(C.moon_reduce, kind, p, n, dims, keepdim, out)
  end
end

methods.sum = reduction("sum", C.MOON_R_SUM)
methods.mean = reduction("mean", C.MOON_R_MEAN)
--- Euclidean.
methods.norm = reduction("norm", C.MOON_R_NORM)
--- Unbiased.
methods.var = reduction("var", C.MOON_R_VAR)

local function along(op, kind, x, dim, keepdim)
  local p = pointer(op, "x", x)
  local at = check.dim(op, dim, C.moon_tensor_ndim(p))
  local status = C.moon_arg_reduce(live, kind, p, at, keepdim, out, indices)
  if status < 0 then
    retry.call(status, C.moon_arg_reduce, live, kind, p, at, keepdim, out,
               indices)
  end
  local index = indices[0]
  return wrap(out[0]), wrap(index)
end

-- Over one dimension: values and their places (i64, from 0). Else: values.
local function extreme(op, kind)
  local over_many = reduction(op, kind)
  kind = tonumber(kind)
  return function(x, over, options)
    if type(over) == "number" then
      return along(op, kind, x, over, keepdim_of(op, options))
    end
    if type(over) == "table" and #over == 1 and options == nil then
      local keepdim = over.keepdim and { keepdim = over.keepdim } or nil
      return along(op, kind, x, over[1], keepdim_of(op, keepdim))
    end
    return over_many(x, over, options)
  end
end

methods.max = extreme("max", C.MOON_R_MAX)
methods.min = extreme("min", C.MOON_R_MIN)

local function arg_extreme(op, kind)
  kind = tonumber(kind)
  return function(x, dim, options)
    local p = pointer(op, "x", x)
    local keepdim = keepdim_of(op, options)
    local at = -1  -- all, as one row
    if dim ~= nil then at = check.dim(op, dim, C.moon_tensor_ndim(p)) end
    return call(C.moon_arg_reduce, kind, p, at, keepdim, nil, out)
  end
end

--- Places of the first largest along `dim`, or among all; i64, from 0.
methods.argmax = arg_extreme("argmax", C.MOON_R_MAX)
--- Places of the first smallest.
methods.argmin = arg_extreme("argmin", C.MOON_R_MIN)

return methods
