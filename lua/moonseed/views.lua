--- Views and picking: other shapes, parts and orders of a tensor.
--
-- Dimensions and positions count from 1, or from -1 (the last) down. Values
-- *in* index tensors count from 0.

local core = require "moonseed.ffi"
local check = require "moonseed.check"
local tensor = require "moonseed.tensor"
local C = core.C

local out, pointer, call = tensor.out, tensor.pointer, tensor.call
local after, methods = tensor.after, tensor.methods

local MAX_DIMS = tonumber(C.MOON_MAX_DIMS)

local function put_extent(op, extents, i, extent)
  if type(extent) ~= "number" or extent % 1 ~= 0 then
    check.fail(op, "extent %d is a whole number, not %s", i + 1,
               extent == nil and "nothing" or tostring(extent))
  end
  extents[i] = extent
end

-- Extents as numbers or as one list; returns how many, and an array of them.
local function read_extents(op, ...)
  if type((...)) == "table" then return read_extents(op, unpack((...))) end
  local n, extents = select("#", ...), core.extents()
  if n > MAX_DIMS then
    check.fail(op, "%d dimensions, at most %d", n, MAX_DIMS)
  end
  for i = 1, n do put_extent(op, extents, i - 1, (select(i, ...))) end
  return n, extents
end

--- The same elements under another shape; copies when it must. One extent may
--- be -1: what is left.
---@param ... integer|integer[]  extents, or one list of them
---@return userdata
function methods.reshape(x, ...)
  local p = pointer("reshape", "x", x)
  local n, extents = read_extents("reshape", ...)
  return after(call(C.moon_reshape, p, n, extents, out), x)
end

--- As reshape, but raises where that would copy.
---@param ... integer|integer[]  extents, or one list of them
---@return userdata  shares the memory
function methods.view(x, ...)
  local p = pointer("view", "x", x)
  local n, extents = read_extents("view", ...)
  return after(call(C.moon_view, p, n, extents, out), x)
end

--- The same tensor, but a gradient that comes back with an error arrives as
--- zero: before a branch that may fail by itself.
---@return userdata  shares the memory
function methods.shield(x)
  local p = pointer("shield", "x", x)
  return after(call(C.moon_shield, p, out), x)
end

--- Repeats dimensions of size 1 without copying; -1 keeps an extent.
---@param ... integer|integer[]  extents, or one list of them
---@return userdata  shares the memory
function methods.expand(x, ...)
  local p = pointer("expand", "x", x)
  local n, extents = read_extents("expand", ...)
  return after(call(C.moon_expand, p, n, extents, out), x)
end

--- The dimensions in another order: each once, as numbers or one list.
---@param ... integer|integer[]  dimensions, from 1 or from -1 down
---@return userdata  shares the memory
function methods.permute(x, ...)
  local p = pointer("permute", "x", x)
  local dims = type((...)) == "table" and (...) or { ... }
  local ndim = C.moon_tensor_ndim(p)
  if #dims ~= ndim then
    check.fail("permute", "%d dimensions for a tensor with %d", #dims, ndim)
  end
  local order = core.dims()
  for i = 1, ndim do order[i - 1] = check.dim("permute", dims[i], ndim) end
  return after(call(C.moon_permute, p, order, out), x)
end

--- The transpose of a matrix.
---@return userdata  shares the memory
function methods.t(x)
  local ndim = C.moon_tensor_ndim(pointer("t", "x", x))
  if ndim ~= 2 then
    check.fail("t", "a tensor with %d dimensions; permute reorders any", ndim)
  end
  return methods.permute(x, 2, 1)
end

--- Two dimensions exchanged.
---@param a integer
---@param b integer
---@return userdata  shares the memory
function methods.transpose(x, a, b)
  local ndim = C.moon_tensor_ndim(pointer("transpose", "x", x))
  local order = {}
  for d = 1, ndim do order[d] = d end
  a = check.dim("transpose", a, ndim) + 1
  b = check.dim("transpose", b, ndim) + 1
  order[a], order[b] = b, a
  return methods.permute(x, order)
end

--- A new dimension of size 1.
---@param dim integer  where it is afterwards
---@return userdata  shares the memory
function methods.unsqueeze(x, dim)
  pointer("unsqueeze", "x", x)
  local shape = methods.shape(x)
  table.insert(shape, check.dim("unsqueeze", dim, #shape + 1) + 1, 1)
  return methods.reshape(x, shape)
end

--- Without dimensions of size 1: all of them, or one, which stays if it has
--- another size.
---@param dim integer|nil
---@return userdata  shares the memory
function methods.squeeze(x, dim)
  pointer("squeeze", "x", x)
  local shape, kept = methods.shape(x), {}
  local only = dim and check.dim("squeeze", dim, #shape) + 1
  for d = 1, #shape do
    if shape[d] ~= 1 or (only and d ~= only) then kept[#kept + 1] = shape[d] end
  end
  return methods.reshape(x, kept)
end

--- A run of dimensions as one; copies when it must.
---@param first integer|nil  1 unless given
---@param last integer|nil   the last unless given
---@return userdata
function methods.flatten(x, first, last)
  pointer("flatten", "x", x)
  local shape, kept = methods.shape(x), {}
  if #shape == 0 then return methods.reshape(x, 1) end
  first = check.dim("flatten", first or 1, #shape) + 1
  last = check.dim("flatten", last or -1, #shape) + 1
  if first > last then
    check.fail("flatten", "from dimension %d to %d", first, last)
  end
  for d = 1, #shape do
    if d > first and d <= last then
      kept[first] = kept[first] * shape[d]
    else
      kept[#kept + 1] = shape[d]
    end
  end
  return methods.reshape(x, kept)
end

local function extent_of(p, dim)
  return tonumber(C.moon_tensor_shape(p)[dim])
end

--- `length` positions along `dim` from `start` on.
---@param dim integer
---@param start integer
---@param length integer
---@return userdata  shares the memory
function methods.narrow(x, dim, start, length)
  local p = pointer("narrow", "x", x)
  local at = check.dim("narrow", dim, C.moon_tensor_ndim(p))
  local n = extent_of(p, at)
  check.count("narrow", "length", length)
  -- Nothing may be taken from behind the last position.
  local from = start == n + 1 and n or check.position("narrow", start, n)
  if from + length > n then
    check.fail("narrow", "%d positions from %d of %d", length, start, n)
  end
  return after(call(C.moon_narrow, p, at, from, length, out), x)
end

--- The part at one position along `dim`, without that dimension.
---@param dim integer
---@param position integer
---@return userdata  shares the memory
function methods.select(x, dim, position)
  local p = pointer("select", "x", x)
  local at = check.dim("select", dim, C.moon_tensor_ndim(p))
  local index = check.position("select", position, extent_of(p, at))
  return after(call(C.moon_select, p, at, index, out), x)
end

-- Views of these many positions one after the other.
local function cut(x, dim, sizes)
  local parts, start = {}, 1
  for i, size in ipairs(sizes) do
    parts[i] = methods.narrow(x, dim, start, size)
    start = start + size
  end
  return parts
end

-- Pieces of `size` and a smaller last one.
local function even_sizes(n, size)
  local sizes = {}
  for start = 0, math.max(n, 1) - 1, size do
    sizes[#sizes + 1] = math.min(size, n - start)
  end
  return sizes
end

--- Views of parts along a dimension (the first unless given).
---@param size integer|integer[]  of each but the last, which has what is left;
---                               or of each
---@param dim integer|nil
---@return userdata[]  they share the memory
function methods.split(x, size, dim)
  local p = pointer("split", "x", x)
  local at = check.dim("split", dim or 1, C.moon_tensor_ndim(p))
  local n, sum = extent_of(p, at), 0
  if type(size) == "number" then
    check.count("split", "the size", size, 1)
    return cut(x, at + 1, even_sizes(n, size))
  end
  for i, one in ipairs(check.table("split", "the sizes", size)) do
    sum = sum + check.count("split", "size " .. i, one)
  end
  if sum ~= n then
    check.fail("split", "the sizes are %d together, dimension %d has %d (x %s)",
               sum, at + 1, n, tensor.shape_text(x))
  end
  return cut(x, at + 1, size)
end

--- Views of at most `n` parts of one size, but for a smaller last one.
---@param n integer
---@param dim integer|nil  the first unless given
---@return userdata[]  they share the memory
function methods.chunk(x, n, dim)
  local p = pointer("chunk", "x", x)
  local at = check.dim("chunk", dim or 1, C.moon_tensor_ndim(p))
  check.count("chunk", "the number of parts", n, 1)
  local size = math.max(1, math.ceil(extent_of(p, at) / n))
  return cut(x, at + 1, even_sizes(extent_of(p, at), size))
end

--- Views of all positions along a dimension (the first unless given), without
--- it.
---@param dim integer|nil
---@return userdata[]  they share the memory
function methods.unbind(x, dim)
  local p = pointer("unbind", "x", x)
  local at = check.dim("unbind", dim or 1, C.moon_tensor_ndim(p))
  local parts = {}
  for i = 1, extent_of(p, at) do
    parts[i] = methods.select(x, at + 1, i)
  end
  return parts
end

--- The parts along `dim` that an i64 [n] tensor names.
---@param dim integer
---@param index userdata  a tensor
---@return userdata  a copy, with n positions along `dim`
function methods.index_select(x, dim, index)
  local p = pointer("index_select", "x", x)
  local pi = pointer("index_select", "index", index)
  local at = check.dim("index_select", dim, C.moon_tensor_ndim(p))
  return after(call(C.moon_index_select, p, at, pi, out), x, index)
end

--- One element per element of an i64 tensor of as many dimensions, which names
--- its place along `dim`.
---@param dim integer
---@param index userdata  a tensor
---@return userdata  of the index's shape
function methods.gather(x, dim, index)
  local p = pointer("gather", "x", x)
  local pi = pointer("gather", "index", index)
  local at = check.dim("gather", dim, C.moon_tensor_ndim(p))
  return after(call(C.moon_gather, p, at, pi, out), x, index)
end

return methods
