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
local after, call, methods = tensor.after, tensor.call, tensor.methods

local indices = ffi.new "moon_tensor *[1]"

local function keepdim_of(op, options)
  if options == nil then return 0 end
  local o = check.options(op, options, {}, { keepdim = false })
  return check.boolean(op, "keepdim", o.keepdim) and 1 or 0
end

-- Fills `dims` from a list, which may hold keepdim; returns how many, and that.
local function read_list(op, dims, list, ndim, keepdim)
  local n, values = #list, 0
  for key, value in pairs(list) do
    if key == "keepdim" then
      keepdim = check.boolean(op, "keepdim", value) and 1 or 0
    elseif type(key) ~= "number" then
      check.fail(op, "no option '%s' (known: keepdim)", tostring(key))
    else
      values = values + 1
    end
  end
  if values ~= n then check.fail(op, "the list of dimensions has a gap") end
  if n > ndim then
    check.fail(op, "%d dimensions of a tensor with %d", n, ndim)
  end
  for i = 1, n do dims[i - 1] = check.dim(op, list[i], ndim) end
  return n, keepdim
end

-- An array of dimensions (of all, nil), how many (of all, 0), and keepdim.
local function read_dims(op, p, given, options)
  local keepdim = keepdim_of(op, options)
  if given == nil then return nil, 0, keepdim end
  local ndim, dims = C.moon_tensor_ndim(p), core.dims()
  if type(given) == "table" then
    return dims, read_list(op, dims, given, ndim, keepdim)
  end
  dims[0] = check.dim(op, given, ndim)
  return dims, 1, keepdim
end

local function reduction(op, kind)
  kind = tonumber(kind)
  return function(x, over, options)
    local p = pointer(op, "x", x)
    local dims, n, keepdim = read_dims(op, p, over, options)
    return after(call(C.moon_reduce, kind, p, n, dims, keepdim, out), x)
  end
end

methods.sum = reduction("sum", C.MOON_R_SUM)
methods.mean = reduction("mean", C.MOON_R_MEAN)
--- Euclidean.
methods.norm = reduction("norm", C.MOON_R_NORM)
--- Unbiased.
methods.var = reduction("var", C.MOON_R_VAR)
methods.std = reduction("std", C.MOON_R_STD)
methods.prod = reduction("prod", C.MOON_R_PROD)
methods.logsumexp = reduction("logsumexp", C.MOON_R_LOGSUMEXP)
--- To bool.
methods.any = reduction("any", C.MOON_R_ANY)
methods.all = reduction("all", C.MOON_R_ALL)

--- The sums of the elements up to each one along a dimension; of integers and
--- bool in i64.
---@param dim integer
---@return userdata  of the same shape
function methods.cumsum(x, dim)
  local p = pointer("cumsum", "x", x)
  dim = check.dim("cumsum", dim, C.moon_tensor_ndim(p))
  return after(call(C.moon_cumsum, p, dim, out), x)
end

local function along(kind, x, dim, keepdim)
  local p = x.p
  local status = C.moon_arg_reduce(live, kind, p, dim, keepdim, out, indices)
  if status < 0 then
    retry.call(status, C.moon_arg_reduce, live, kind, p, dim, keepdim, out,
               indices)
  end
  local index = indices[0]
  return after(wrap(out[0]), x), wrap(index)
end

-- Over one dimension: values and their places (i64, from 0). Else: values.
local function extreme(op, kind)
  kind = tonumber(kind)
  return function(x, over, options)
    local p = pointer(op, "x", x)
    local dims, n, keepdim = read_dims(op, p, over, options)
    if n == 1 then return along(kind, x, dims[0], keepdim) end
    return after(call(C.moon_reduce, kind, p, n, dims, keepdim, out), x)
  end
end

methods.max = extreme("max", C.MOON_R_MAX)
methods.min = extreme("min", C.MOON_R_MIN)

-- x with the first `n` of `dims` as one, the last; and x's shape with 1 there.
local function flatten(op, x, dims, n)
  local shape, order, extents, size = x:shape(), {}, {}, 1
  local kept, named = x:shape(), {}
  for i = 0, n - 1 do
    local dim = dims[i] + 1
    if named[dim] then check.fail(op, "dimension %d is named twice", dim) end
    named[dim], kept[dim] = true, 1
    size = size * shape[dim]
  end
  for dim = 1, #shape do
    if not named[dim] then
      order[#order + 1], extents[#extents + 1] = dim, shape[dim]
    end
  end
  for i = 0, n - 1 do order[#order + 1] = dims[i] + 1 end
  extents[#extents + 1] = size
  return x:detach():permute(order):reshape(extents), kept
end

local function arg_reduce(kind, x, dim, keepdim)
  return after(call(C.moon_arg_reduce, kind, x.p, dim, keepdim, nil, out), x)
end

local function arg_extreme(op, kind)
  kind = tonumber(kind)
  return function(x, over, options)
    local p = pointer(op, "x", x)
    local dims, n, keepdim = read_dims(op, p, over, options)
    if n == 0 then return arg_reduce(kind, x, -1, keepdim) end  -- as one row
    if n == 1 then return arg_reduce(kind, x, dims[0], keepdim) end
    local flat, kept = flatten(op, x, dims, n)
    local places = arg_reduce(kind, flat, flat:ndim() - 1, 0)
    return keepdim == 1 and places:reshape(kept) or places
  end
end

--- Places of the first largest along a dimension, along those of a list as if
--- they were one (the last named runs fastest), or among all; i64, from 0.
methods.argmax = arg_extreme("argmax", C.MOON_R_MAX)
--- Places of the first smallest.
methods.argmin = arg_extreme("argmin", C.MOON_R_MIN)

return methods
