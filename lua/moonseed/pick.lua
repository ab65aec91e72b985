--- Picking by index tensors, whose values count from 0; part of
--- moonseed.neural. index_select and gather are in moonseed.views.

local core = require "moonseed.ffi"
local check = require "moonseed.check"
local tensor = require "moonseed.tensor"
local C, ffi = core.C, core.ffi

local out, pointer, wrap = tensor.out, tensor.pointer, tensor.wrap
local after, call, methods = tensor.after, tensor.call, tensor.methods

local M = {}

local embedding_known = { padding = true }

--- Rows of a table by their numbers: index i64 [...], weight [V, D]
--- -> [..., D].
---@param index userdata
---@param weight userdata
---@param options table|nil  padding: the number, from 0, of a row that gets no
---                          gradient
---@return userdata
function M.embedding(index, weight, options)
  local op = "embedding"
  local pi, pw = pointer(op, "index", index), pointer(op, "weight", weight)
  local o = check.names(op, options, embedding_known)
  local padding = o.padding and check.count(op, "padding", o.padding) or -1
  return after(call(C.moon_embedding, pi, pw, padding, out), index, weight)
end

local one_hot_known = { dtype = true }

--- A 1 in the place that each number names: i64 [...] -> [..., classes].
---@param index userdata
---@param classes integer
---@param options table|nil  dtype (i64)
---@return userdata
function M.one_hot(index, classes, options)
  local op = "one_hot"
  local p = pointer(op, "index", index)
  local o = check.names(op, options, one_hot_known)
  local dtype = check.dtype(op, o.dtype or "i64")
  check.count(op, "classes", classes)
  return after(call(C.moon_one_hot, p, classes, dtype, out), index)
end

--- The elements of `from` added where an i64 tensor of its shape says, along
--- `dim`.
---@param dim integer
---@param index userdata  of as many dimensions as x, places from 0
---@param from userdata   of the index's shape
---@return userdata  of x's shape
function methods.scatter_add(x, dim, index, from)
  local op = "scatter_add"
  local p, pi = pointer(op, "x", x), pointer(op, "index", index)
  local pf = pointer(op, "from", from)
  local at = check.dim(op, dim, C.moon_tensor_ndim(p))
  return after(call(C.moon_scatter_add, p, at, pi, pf, out), x, index, from)
end

-- --- in order ----------------------------------------------------------------

local sort_known = { descending = true }
local topk_known = { largest = true }
local places = ffi.new "moon_tensor *[1]"

-- Values, and i64 places from 0; k nil: all.
local function order(op, x, dim, descending, k)
  local p = pointer(op, "x", x)
  dim = check.dim(op, dim or -1, C.moon_tensor_ndim(p))
  k = k or tonumber(C.moon_tensor_shape(p)[dim])
  local values = call(C.moon_sort, p, dim, descending and 1 or 0, k, out,
                      places)
  return after(values, x), wrap(places[0])
end

--- Each line along `dim` in order; equals keep theirs, NaN is the largest.
---@param dim integer|nil    the last unless given
---@param options table|nil  descending (false)
---@return userdata  values
---@return userdata  i64, where they were, from 0
function methods.sort(x, dim, options)
  local o = check.names("sort", options, sort_known)
  return order("sort", x, dim, check.boolean("sort", "descending",
                                             o.descending or false))
end

--- Where the elements of each line along `dim` are in order: of sort the second
--- result.
---@param dim integer|nil    the last unless given
---@param options table|nil  descending (false)
---@return userdata  i64, from 0
function methods.argsort(x, dim, options)
  return (select(2, methods.sort(x, dim, options)))
end

--- The k largest of each line along `dim`, the largest first.
---@param k integer
---@param dim integer|nil    the last unless given
---@param options table|nil  largest (true); false: the smallest, the smallest
---                          first
---@return userdata  values
---@return userdata  i64, where they were, from 0
function methods.topk(x, k, dim, options)
  local o, largest = check.names("topk", options, topk_known), true
  if o.largest ~= nil then
    largest = check.boolean("topk", "largest", o.largest)
  end
  check.count("topk", "k", k)
  return order("topk", x, dim, largest, k)
end

return M
