--- Attention; part of moonseed.neural.

local core = require "moonseed.ffi"
local check = require "moonseed.check"
local tensor = require "moonseed.tensor"
local C, ffi = core.C, core.ffi

local out, pointer = tensor.out, tensor.pointer
local after, call = tensor.after, tensor.call

local M = {}

local inputs_type = ffi.typeof "moon_attention_inputs"
local params_type = ffi.typeof "moon_attention_params"
local known = { causal = true, mask = true, scale = true }

-- 1 / sqrt(E), so that scores vary as much as one product of two features.
local function usual_scale(q)
  local ndim = C.moon_tensor_ndim(q)
  if ndim == 0 then return 1 end
  return tonumber(C.moon_tensor_shape(q)[ndim - 1]) ^ -0.5
end

--- Scaled dot-product attention, softmax(scale q k^T + mask) v along the keys:
--- q [..., L, E], k [..., S, E], v [..., S, V] -> [..., L, V]; the dimensions
--- in front broadcast. Memory is linear in L and S.
---@param q userdata
---@param k userdata
---@param v userdata
---@param options table|nil  causal (false): query i meets keys 1 to i alone;
---                          mask, a tensor that repeats to [..., L, S]: bool,
---                          true where a key takes part, or of q's dtype, added
---                          to the scores; scale (1 / sqrt(E))
---@return userdata  0 for a query that meets no key
function M.attention(q, k, v, options)
  local op = "attention"
  local o = check.names(op, options, known)
  local inputs, params = inputs_type(), params_type()
  inputs.q = pointer(op, "q", q)
  inputs.k = pointer(op, "k", k)
  inputs.v = pointer(op, "v", v)
  if o.mask ~= nil then inputs.mask = pointer(op, "mask", o.mask) end
  params.causal = check.boolean(op, "causal", o.causal or false) and 1 or 0
  params.scale = o.scale and check.number(op, "scale", o.scale)
    or usual_scale(inputs.q)
  return after(call(C.moon_attention, inputs, params, out), q, k, v, o.mask)
end

return M
