--- Functions of one tensor, element by element: methods, and functions of moon.

local core = require "moonseed.ffi"
local check = require "moonseed.check"
local elementwise = require "moonseed.elementwise"
local tensor = require "moonseed.tensor"
local C = core.C

local unary, methods = elementwise.unary, tensor.methods
local after, call = tensor.after, tensor.call
local out, pointer = tensor.out, tensor.pointer

-- --- of numbers ----------------------------------------------------------

--- The absolute value of each element.
---@return userdata
function methods.abs(x) return unary("abs", C.MOON_U_ABS, x, 0) end

--- -1, 0 or 1 as each element is below, at or above 0; of NaN, 0.
---@return userdata
function methods.sign(x) return unary("sign", C.MOON_U_SIGN, x, 0) end

--- The nearest whole number below each element; its gradient is 0.
---@return userdata
function methods.floor(x) return unary("floor", C.MOON_U_FLOOR, x, 0) end

--- The nearest whole number above each element; its gradient is 0.
---@return userdata
function methods.ceil(x) return unary("ceil", C.MOON_U_CEIL, x, 0) end

--- The nearest whole number, of two the even one; its gradient is 0.
---@return userdata
function methods.round(x) return unary("round", C.MOON_U_ROUND, x, 0) end

--- Each element, but at least `min` and at most `max`. Outside, and where x is
--- NaN, which stays, the gradient is 0.
---@param min number|nil  none unless given
---@param max number|nil  none unless given
---@return userdata
function methods.clamp(x, min, max)
  local p = pointer("clamp", "x", x)
  if min == nil and max == nil then check.fail("clamp", "without a bound") end
  local low = min == nil and -math.huge or check.number("clamp", "min", min)
  local high = max == nil and math.huge or check.number("clamp", "max", max)
  return after(call(C.moon_unary2, C.MOON_U_CLAMP, p, low, high, out), x)
end

-- --- of floats -----------------------------------------------------------

--- e to the power of each element.
---@return userdata
function methods.exp(x) return unary("exp", C.MOON_U_EXP, x, 0) end

--- The natural logarithm of each element.
---@return userdata
function methods.log(x) return unary("log", C.MOON_U_LOG, x, 0) end

--- The square root of each element.
---@return userdata
function methods.sqrt(x) return unary("sqrt", C.MOON_U_SQRT, x, 0) end

--- The sine of each element.
---@return userdata
function methods.sin(x) return unary("sin", C.MOON_U_SIN, x, 0) end

--- The cosine of each element.
---@return userdata
function methods.cos(x) return unary("cos", C.MOON_U_COS, x, 0) end

--- The error function of each element.
---@return userdata
function methods.erf(x) return unary("erf", C.MOON_U_ERF, x, 0) end

-- --- activations ---------------------------------------------------------

--- max(x, 0), element by element.
---@return userdata
function methods.relu(x) return unary("relu", C.MOON_U_RELU, x, 0) end

--- 1 / (1 + e^-x) of each element.
---@return userdata
function methods.sigmoid(x)
  return unary("sigmoid", C.MOON_U_SIGMOID, x, 0)
end

--- The hyperbolic tangent of each element.
---@return userdata
function methods.tanh(x) return unary("tanh", C.MOON_U_TANH, x, 0) end

--- x times its sigmoid, also called swish.
---@return userdata
function methods.silu(x) return unary("silu", C.MOON_U_SILU, x, 0) end

local gelu_known = { approximate = true }
local gelu_kinds = { none = tonumber(C.MOON_U_GELU),
                     tanh = tonumber(C.MOON_U_GELU_TANH) }

--- x times the normal distribution's P(X <= x): Hendrycks and Gimpel 2016.
---@param options table|nil  approximate: "none", or "tanh" for their formula
---                          with a tanh
---@return userdata
function methods.gelu(x, options)
  local name = check.names("gelu", options, gelu_known).approximate or "none"
  local kind = gelu_kinds[name]
  if not kind then
    check.fail("gelu", "no approximation '%s' (none, tanh)", tostring(name))
  end
  return unary("gelu", kind, x, 0)
end

--- x above 0, slope x below.
---@param slope number|nil  0.01 unless given
---@return userdata
function methods.leaky_relu(x, slope)
  slope = slope == nil and 0.01 or check.number("leaky_relu", "slope", slope)
  return unary("leaky_relu", C.MOON_U_LEAKY_RELU, x, slope)
end

--- x above 0, alpha (e^x - 1) below: Clevert et al. 2016.
---@param alpha number|nil  1 unless given
---@return userdata
function methods.elu(x, alpha)
  alpha = alpha == nil and 1 or check.number("elu", "alpha", alpha)
  return unary("elu", C.MOON_U_ELU, x, alpha)
end

local softplus_known = { beta = true, threshold = true }

--- log(1 + e^(beta x)) / beta; x itself where beta x is above the threshold.
---@param options table|nil  beta (1), threshold (20)
---@return userdata
function methods.softplus(x, options)
  local op = "softplus"
  local p = pointer(op, "x", x)
  local o = check.names(op, options, softplus_known)
  local beta = check.number(op, "beta", o.beta or 1)
  local threshold = check.number(op, "threshold", o.threshold or 20)
  return after(call(C.moon_unary2, C.MOON_U_SOFTPLUS, p, beta, threshold, out),
               x)
end

-- --- what a number is ----------------------------------------------------

--- Whether each element is NaN.
---@return userdata  bool
function methods.isnan(x) return unary("isnan", C.MOON_U_ISNAN, x, 0) end

--- Whether each element is infinite.
---@return userdata  bool
function methods.isinf(x) return unary("isinf", C.MOON_U_ISINF, x, 0) end

--- Whether each element is neither NaN nor infinite.
---@return userdata  bool
function methods.isfinite(x)
  return unary("isfinite", C.MOON_U_ISFINITE, x, 0)
end

return methods
