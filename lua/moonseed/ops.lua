--- Arithmetic, comparisons and the products, copies and casts: methods,
-- functions, operators. Nothing here makes tables or closures, so that all of
-- it compiles; functions of one tensor are in functions.lua.

local core = require "moonseed.ffi"
local check = require "moonseed.check"
local context = require "moonseed.context"
local elementwise = require "moonseed.elementwise"
local retry = require "moonseed.retry"
local tensor = require "moonseed.tensor"
local C = core.C

local live, state = context.live, context.state
local out, wrap, pointer = tensor.out, tensor.wrap, tensor.pointer
local after, call, methods = tensor.after, tensor.call, tensor.methods
local unary, binary = elementwise.unary, elementwise.binary
local scalar_like, as_number = elementwise.scalar_like, elementwise.as_number

local M = {}

-- Powers of two and their inverses: to divide by one is to multiply by the
-- other, exactly.
local inverse = {}
for e = -60, 60 do
  inverse[2 ^ e], inverse[-2 ^ e] = 2 ^ -e, -2 ^ -e
end

local function is_float(x)
  return C.moon_tensor_dtype(x.p) <= C.MOON_F64
end

-- --- arithmetic; one side may be a number --------------------------------

local function add(a, b)
  if type(b) == "number" then return unary("add", C.MOON_U_ADD, a, b) end
  if type(a) == "number" then return unary("add", C.MOON_U_ADD, b, a) end
  return binary("add", C.MOON_B_ADD, a, b)
end

local function sub(a, b)
  if type(b) == "number" then
    pointer("sub", "a", a)
    if C.moon_tensor_dtype(a.p) == C.MOON_U8 then  -- has no -b
      return binary("sub", C.MOON_B_SUB, a, scalar_like(a, b))
    end
    return unary("sub", C.MOON_U_ADD, a, -b)
  end
  if type(a) == "number" then return unary("sub", C.MOON_U_RSUB, b, a) end
  return binary("sub", C.MOON_B_SUB, a, b)
end

local function mul(a, b)
  if type(b) == "number" then return unary("mul", C.MOON_U_MUL, a, b) end
  if type(a) == "number" then return unary("mul", C.MOON_U_MUL, b, a) end
  return binary("mul", C.MOON_B_MUL, a, b)
end

local function div(a, b)
  if type(b) == "number" then
    pointer("div", "a", a)
    local factor = inverse[b]
    if factor and is_float(a) then
      return unary("div", C.MOON_U_MUL, a, factor)
    end
    return binary("div", C.MOON_B_DIV, a, scalar_like(a, b))
  end
  if type(a) == "number" then return unary("div", C.MOON_U_RDIV, b, a) end
  return binary("div", C.MOON_B_DIV, a, b)
end

local function pow(a, b)
  if type(b) == "number" then return unary("pow", C.MOON_U_POW, a, b) end
  if type(a) == "number" then
    pointer("pow", "b", b)
    return binary("pow", C.MOON_B_POW, scalar_like(b, a), b)
  end
  return binary("pow", C.MOON_B_POW, a, b)
end

local function neg(x) return unary("neg", C.MOON_U_NEG, x, 0) end

methods.add, methods.sub, methods.mul, methods.div = add, sub, mul, div
methods.pow, methods.neg = pow, neg

--- Operators of the metatype.
M.operators = { __add = add, __sub = sub, __mul = mul, __div = div,
                __pow = pow, __unm = neg }

-- --- comparisons with a tensor, a number or a boolean, to bool -----------

local function compare(op, unary_kind, binary_kind)
  unary_kind, binary_kind = tonumber(unary_kind), tonumber(binary_kind)
  methods[op] = function(a, b)
    b = as_number(b)
    if type(b) == "number" then return unary(op, unary_kind, a, b) end
    return binary(op, binary_kind, a, b)
  end
end

compare("eq", C.MOON_U_EQ, C.MOON_B_EQ)
compare("ne", C.MOON_U_NE, C.MOON_B_NE)
compare("lt", C.MOON_U_LT, C.MOON_B_LT)
compare("le", C.MOON_U_LE, C.MOON_B_LE)
compare("gt", C.MOON_U_GT, C.MOON_B_GT)
compare("ge", C.MOON_U_GE, C.MOON_B_GE)

-- --- products, softmax ---------------------------------------------------

--- The product of matrices a [..., M, K] and b [..., K, N] -> [..., M, N];
--- the dimensions in front broadcast. A vector is a row on the left, a column
--- on the right, and leaves no dimension behind.
---@param b userdata
---@return userdata
function methods.matmul(a, b)
  local pa, pb = pointer("matmul", "a", a), pointer("matmul", "b", b)
  if state.sites then tensor.trace_site() end
  local status = C.moon_matmul(live, pa, pb, out)
  if status < 0 then retry.call(status, C.moon_matmul, live, pa, pb, out) end
  return after(wrap(out[0]), a, b)
end

--- The products of as many pairs: a [B, M, K], b [B, K, N] -> [B, M, N].
---@param b userdata
---@return userdata
function methods.bmm(a, b)
  local pa, pb = pointer("bmm", "a", a), pointer("bmm", "b", b)
  return after(call(C.moon_bmm, pa, pb, out), a, b)
end

--- exp(x) over its sum along `dim` (the last unless given).
---@param dim integer|nil
---@return userdata  of the same shape
function methods.softmax(x, dim)
  local p = pointer("softmax", "x", x)
  dim = check.dim("softmax", dim or -1, C.moon_tensor_ndim(p))
  return after(call(C.moon_softmax, p, dim, out), x)
end

--- The logarithm of the softmax along `dim` (the last unless given).
---@param dim integer|nil
---@return userdata  of the same shape
function methods.log_softmax(x, dim)
  local p = pointer("log_softmax", "x", x)
  dim = check.dim("log_softmax", dim or -1, C.moon_tensor_ndim(p))
  return after(call(C.moon_log_softmax, p, dim, out), x)
end

-- --- copies and casts ----------------------------------------------------

-- A device that is known may still not be there, and says why.
local function refuse_target(what, text)
  local others = text:match "there is no '.*' (%b())$"
  if not others then check.raise(text) end
  check.fail("to", "'%s' is no dtype (f32, f64, i64, i32, u8, bool, bf16, f16) "
             .. "and no device %s", what, others)
end

local function to_one(x, what)
  local p = pointer("to", "x", x)
  local dtype = check.dtypes[what]
  if dtype then
    if C.moon_tensor_dtype(p) == dtype then return x end
    return after(call(C.moon_cast, p, dtype, out), x)
  end
  check.text("to", "its argument", what)
  local device = C.moon_device_find(live.rt, what)
  if device < 0 then
    refuse_target(what, core.ffi.string(C.moon_last_error()))
  end
  if C.moon_tensor_device(p) == device then return x end
  return after(call(C.moon_to_device, p, device, out), x)
end

--- The tensor as another dtype, on another device, or both; itself if it is
--- that.
---@param what string       a dtype or a device
---@param other string|nil  the other of the two
---@param ... nil           no more
---@return userdata  the tensor
function methods.to(x, what, other, ...)
  if other == nil and select("#", ...) == 0 then return to_one(x, what) end
  local is_dtype = check.dtypes[what] ~= nil
  if select("#", ...) > 0 or is_dtype == (check.dtypes[other] ~= nil) then
    check.fail("to", "takes one dtype, one device, or one of each")
  end
  return to_one(to_one(x, what), other)
end

--- A copy.
---@return userdata  with memory of its own
function methods.clone(x)
  return after(call(C.moon_clone, pointer("clone", "x", x), out), x)
end

--- The same values without the graph; shares the memory.
---@return userdata
function methods.detach(x)
  return after(call(C.moon_detach, pointer("detach", "x", x), out), x)
end

--- The tensor in row-major order: itself, or a copy.
---@return userdata
function methods.contiguous(x)
  return after(call(C.moon_contiguous, pointer("contiguous", "x", x), out), x)
end

-- --- in place: all or nothing --------------------------------------------

local function done(status, fn, ...)
  if status < 0 then retry.call(status, fn, ...) end
end

--- y = x, which is repeated to y's shape.
---@param x userdata
---@return userdata  y
function methods.copy_(y, x)
  local py, px = pointer("copy_", "y", y), pointer("copy_", "x", x)
  if state.sites then tensor.trace_site() end
  done(C.moon_copy_into(live, py, px), C.moon_copy_into, live, py, px)
  return after(y, x)
end

--- y = value everywhere.
---@param value number|boolean
---@return userdata  y
function methods.fill_(y, value)
  local p = pointer("fill_", "y", y)
  value = as_number(value)
  check.number("fill_", "the value", value)
  if state.sites then tensor.trace_site() end
  done(C.moon_fill_into(live, p, value), C.moon_fill_into, live, p, value)
  return y
end

--- y = y + alpha x; x is a tensor, repeated to y's shape, or a number.
---@param x userdata|number
---@param alpha number|nil  1 unless given
---@return userdata  y
function methods.add_(y, x, alpha)
  local py = pointer("add_", "y", y)
  if type(x) == "number" then x = scalar_like(y, x) end
  local px = pointer("add_", "x", x)
  alpha = alpha and check.number("add_", "alpha", alpha) or 1
  if state.sites then tensor.trace_site() end
  done(C.moon_add_into(live, py, px, alpha), C.moon_add_into, live, py, px,
       alpha)
  return after(y, x)
end

--- Device-side statistics: f32 [3], Euclidean norm, share of zeros, count of
--- values that are not finite.
---@return userdata
function methods.statistics(x)
  return after(call(C.moon_statistics, pointer("statistics", "x", x), out), x)
end

--- The statistics of the tensor's gradient; nil without one.
---@return userdata|nil  f32 [3]
function methods.grad_stats(x)
  local grad = x.grad
  return grad and methods.statistics(grad)
end

-- Floating, so that differences have a sign and fractions.
local function comparable(x)
  return is_float(x) and x or methods.to(x, "f64")
end

-- The text of an op that is inside, under this one's name.
local function comparing(a, b)
  local ok, e = pcall(methods.eq, a, b)
  if ok then return e end
  check.raise((tostring(e):gsub("^.*eq: ", "allclose: ")))
end

local function is_close(a, b, o)
  if check.halves[methods.dtype(a)] then
    a, b = methods.to(a, "f32"), methods.to(b, "f32")
  end
  local same = comparing(a, b)
  if methods.numel(same) == 0 then return true end
  a, b = comparable(a), comparable(b)
  local gap = (a - b):abs()
  local near = gap:le(b:abs() * o.rtol + o.atol):to "u8"
  local finite = gap:lt(math.huge):to "u8"
  return (near * finite + same:to "u8"):min():item() > 0
end

--- Whether all |a - b| <= atol + rtol |b|; an infinity is close to itself
--- alone, NaN to nothing. Reads, so it waits.
---@param a userdata
---@param b userdata  of a's dtype, of a shape that broadcasts with a's
---@param options table|nil  rtol (1e-5), atol (1e-8)
---@return boolean
function M.allclose(a, b, options)
  local o = check.options("allclose", options, {},
                          { rtol = 1e-5, atol = 1e-8 })
  check.number("allclose", "rtol", o.rtol)
  check.number("allclose", "atol", o.atol)
  pointer("allclose", "a", a)
  pointer("allclose", "b", b)
  if methods.dtype(a) ~= methods.dtype(b) then
    check.fail("allclose", "%s and %s; cast one", methods.dtype(a),
               methods.dtype(b))
  end
  return context.with_grad_mode(0, is_close, a, b, o)
end

return M
