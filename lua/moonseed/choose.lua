--- What picks among values and combines conditions, element by element:
-- methods, and functions of moon.

local core = require "moonseed.ffi"
local elementwise = require "moonseed.elementwise"
local tensor = require "moonseed.tensor"
local C = core.C

local methods = tensor.methods
local after, call = tensor.after, tensor.call
local out, pointer = tensor.out, tensor.pointer
local unary, binary = elementwise.unary, elementwise.binary
local scalar, scalar_like = elementwise.scalar, elementwise.scalar_like

-- a and b, where one may be a number, as two tensors.
local function two(op, a, b)
  if type(a) == "number" then
    pointer(op, "b", b)
    return scalar_like(b, a), b
  end
  pointer(op, "a", a)
  return a, type(b) == "number" and scalar_like(a, b) or b
end

--- The smaller of two tensors, element by element; NaN where one is. Equals
--- share the gradient.
---@param a userdata|number
---@param b userdata|number
---@return userdata
function methods.minimum(a, b)
  return binary("minimum", C.MOON_B_MIN, two("minimum", a, b))
end

--- The larger of two tensors, element by element; NaN where one is. Equals
--- share the gradient.
---@param a userdata|number
---@param b userdata|number
---@return userdata
function methods.maximum(a, b)
  return binary("maximum", C.MOON_B_MAX, two("maximum", a, b))
end

--- Of a where the condition holds, of b elsewhere: moon.where(c, a, b), or
--- c:where(a, b). All broadcast; a and b are of one dtype.
---@param condition userdata  bool
---@param a userdata|number
---@param b userdata|number  both numbers: f32
---@return userdata
function methods.where(condition, a, b)
  local pc = pointer("where", "the condition", condition)
  if type(a) == "number" and type(b) == "number" then
    a = scalar(condition, C.MOON_F32, a)
  end
  a, b = two("where", a, b)
  local pa, pb = a.p, pointer("where", "b", b)
  return after(call(C.moon_where, pc, pa, pb, out), condition, a, b)
end

-- --- conditions ----------------------------------------------------------

--- Whether each element is false, or 0.
---@return userdata  bool
function methods.logical_not(x)
  return unary("logical_not", C.MOON_U_EQ, x, 0)
end

--- Whether both are true, or not 0, element by element.
---@param b userdata  of a's dtype
---@return userdata  bool
function methods.logical_and(a, b)
  return binary("logical_and", C.MOON_B_AND, a, b)
end

--- Whether one is true, or not 0, or both are, element by element.
---@param b userdata  of a's dtype
---@return userdata  bool
function methods.logical_or(a, b)
  return binary("logical_or", C.MOON_B_OR, a, b)
end

--- Whether just one is true, or not 0, element by element.
---@param b userdata  of a's dtype
---@return userdata  bool
function methods.logical_xor(a, b)
  return binary("logical_xor", C.MOON_B_XOR, a, b)
end

return methods
