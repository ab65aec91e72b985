--- The same values in other places: reversed, rolled, repeated, padded; part of
--- moonseed.neural.
--
-- Dimensions count from 1, or from -1 (the last) down.

local core = require "moonseed.ffi"
local check = require "moonseed.check"
local tensor = require "moonseed.tensor"
local C, ffi = core.C, core.ffi

local out, pointer = tensor.out, tensor.pointer
local after, call, methods = tensor.after, tensor.call, tensor.methods

local MAX_DIMS = tonumber(C.MOON_MAX_DIMS)

-- A number as a list of one; a list as it is.
local function as_list(op, what, value)
  if type(value) == "number" then return { value } end
  return check.table(op, what, value)
end

local function whole(op, what, value)
  check.number(op, what, value)
  if value % 1 ~= 0 or math.abs(value) > 2 ^ 53 then
    check.fail(op, "%s is a whole number, not %.14g", what, value)
  end
  return value
end

-- The core's array of dimensions, and how many.
local function read_dims(op, p, list)
  local ndim, dims = C.moon_tensor_ndim(p), core.dims()
  if #list > MAX_DIMS then
    check.fail(op, "%d dimensions of a tensor with %d", #list, ndim)
  end
  for i = 1, #list do dims[i - 1] = check.dim(op, list[i], ndim) end
  return dims, #list
end

--- Some dimensions backwards.
---@param ... integer|integer[]  dimensions, or one list of them
---@return userdata  a copy
function methods.flip(x, ...)
  local p = pointer("flip", "x", x)
  local list = type((...)) == "table" and (...) or { ... }
  local dims, n = read_dims("flip", p, list)
  return after(call(C.moon_flip, p, n, dims, out), x)
end

--- Elements move on by `shifts` places along `dims`; those that leave at the
--- end come in at the front.
---@param shifts integer|integer[]
---@param dims integer|integer[]|nil  as many; nil: along the flattened tensor
---@return userdata  a copy
function methods.roll(x, shifts, dims)
  local p = pointer("roll", "x", x)
  if dims == nil then
    return x:reshape(-1):roll(whole("roll", "the shift", shifts), 1)
             :reshape(x:shape())
  end
  shifts = as_list("roll", "shifts", shifts)
  local list, n = read_dims("roll", p, as_list("roll", "dims", dims))
  if #shifts ~= n then
    check.fail("roll", "%d shifts for %d dimensions", #shifts, n)
  end
  local places = core.extents()
  for i = 1, n do
    places[i - 1] = whole("roll", "shift " .. i, shifts[i])
  end
  return after(call(C.moon_roll, p, n, places, list, out), x)
end

--- Each of the last dimensions repeated as a whole: PyTorch's `repeat`, a word
--- that Lua keeps for itself, and NumPy's `tile`.
---@param ... integer|integer[]  how often; more than x has: new ones in front
---@return userdata  a copy
function methods.tile(x, ...)
  local p = pointer("tile", "x", x)
  local list = type((...)) == "table" and (...) or { ... }
  local counts = core.extents()
  if #list > MAX_DIMS then
    check.fail("tile", "%d dimensions, at most %d", #list, MAX_DIMS)
  end
  for i = 1, #list do
    counts[i - 1] = check.count("tile", "count " .. i, list[i])
  end
  return after(call(C.moon_tile, p, #list, counts, out), x)
end

local function triangle(op, x, upper, diagonal)
  local p = pointer(op, "x", x)
  diagonal = whole(op, "the diagonal", diagonal or 0)
  return after(call(C.moon_triangle, p, upper, diagonal, out), x)
end

--- Of each matrix of the last two dimensions what lies on and below a diagonal,
--- zeros elsewhere.
---@param diagonal integer|nil  0, the main one, unless given; 1: the one above
---@return userdata  of the same shape
function methods.tril(x, diagonal) return triangle("tril", x, 0, diagonal) end

--- Of each matrix of the last two dimensions what lies on and above a diagonal,
--- zeros elsewhere.
---@param diagonal integer|nil  0, the main one, unless given; 1: the one above
---@return userdata  of the same shape
function methods.triu(x, diagonal) return triangle("triu", x, 1, diagonal) end

-- --- padding ---------------------------------------------------------------

local pad_type = ffi.typeof "moon_pad_params"
local pad_known = { mode = true, value = true }
local pad_modes = { constant = tonumber(C.MOON_PAD_CONSTANT),
                    reflect = tonumber(C.MOON_PAD_REFLECT),
                    replicate = tonumber(C.MOON_PAD_REPLICATE),
                    circular = tonumber(C.MOON_PAD_CIRCULAR) }

-- From pairs for the last dimensions.
local function read_pairs(params, pairs_of, ndim)
  check.table("pad", "the first argument", pairs_of)
  if #pairs_of > ndim then
    check.fail("pad", "%d pairs for a tensor with %d dimensions", #pairs_of,
               ndim)
  end
  for i, pair in ipairs(pairs_of) do
    if type(pair) ~= "table" or #pair ~= 2 then
      check.fail("pad", "pair %d is { before, behind } of a dimension; the "
                 .. "last pair is the last dimension's", i)
    end
    local d = ndim - #pairs_of + i - 1
    params.before[d] = whole("pad", "what comes before", pair[1])
    params.after[d] = whole("pad", "what comes behind", pair[2])
  end
end

--- Places before and behind the last dimensions, height before width:
--- x:pad({ { top, bottom }, { left, right } }).
---@param pairs_of integer[][]  a pair { before, behind } for each of the last
---                             dimensions; less than 0 crops (constant alone)
---@param options table|nil     mode: "constant" (unless given), "reflect",
---                             "replicate" or "circular"; value (0), for
---                             constant
---@return userdata  a copy
function methods.pad(x, pairs_of, options)
  local p = pointer("pad", "x", x)
  local o = check.names("pad", options, pad_known)
  local params = pad_type()
  params.mode = pad_modes[o.mode or "constant"] or
    check.fail("pad", "no mode '%s' (circular, constant, reflect, replicate)",
               tostring(o.mode))
  local value = o.value or 0
  if type(value) == "boolean" then value = value and 1 or 0 end
  params.value = check.number("pad", "value", value)
  read_pairs(params, pairs_of, C.moon_tensor_ndim(p))
  return after(call(C.moon_pad, p, params, out), x)
end

return {}
