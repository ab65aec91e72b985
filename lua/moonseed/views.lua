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
