--- Norms that know no batch; part of moonseed.neural, which has group_norm.

local core = require "moonseed.ffi"
local check = require "moonseed.check"
local tensor = require "moonseed.tensor"
local C, ffi = core.C, core.ffi

local out, pointer = tensor.out, tensor.pointer
local after, call, methods = tensor.after, tensor.call, tensor.methods

local M = {}

local inputs_type = ffi.typeof "moon_layer_norm_inputs"
local known = { eps = true }

-- How many dimensions `shape` has; they are x's last ones.
local function count_dims(x, shape)
  local op = "layer_norm"
  if type(shape) == "number" then shape = { shape } end
  check.table(op, "the shape", shape)
  local of_x = methods.shape(x)
  for i = 1, #shape do
    if shape[i] ~= of_x[#of_x - #shape + i] then
      check.fail(op, "the last dimensions of x are not %s (x %s)",
                 table.concat(shape, "x"), tensor.shape_text(x))
    end
  end
  return #shape
end

--- Normalises each run of x's last dimensions to mean 0 and variance 1, then
--- scales by weight and shifts by bias (Ba et al. 2016).
---@param x userdata           [..., shape]
---@param shape integer|integer[]  of the dimensions that are normalised
---@param weight userdata|nil  of that shape; 1 unless given
---@param bias userdata|nil    of that shape; 0 unless given
---@param options table|nil    eps (1e-5)
---@return userdata  of the same shape
function M.layer_norm(x, shape, weight, bias, options)
  local op = "layer_norm"
  local inputs = inputs_type()
  inputs.x = pointer(op, "x", x)
  if weight ~= nil then inputs.weight = pointer(op, "weight", weight) end
  if bias ~= nil then inputs.bias = pointer(op, "bias", bias) end
  local o = check.names(op, options, known)
  local eps = check.number(op, "eps", o.eps or 1e-5)
  return after(call(C.moon_layer_norm, inputs, count_dims(x, shape), eps, out),
               x, weight, bias)
end

--- Normalises each channel of each image by itself: x [N, C, ...].
---@param x userdata
---@param weight userdata|nil  [C]; 1 unless given
---@param bias userdata|nil    [C]; 0 unless given
---@param options table|nil    eps (1e-5)
---@return userdata  of the same shape
function M.instance_norm(x, weight, bias, options)
  if methods.ndim(x) < 2 then
    check.fail("instance_norm", "x has %d dimensions (%s), 2 or more needed",
               methods.ndim(x), tensor.shape_text(x))
  end
  return methods.group_norm(x, methods.size(x, 2), weight, bias, options)
end

methods.layer_norm = M.layer_norm
methods.instance_norm = M.instance_norm

return M
