--- moon.autocast: mixed precision.

local core = require "moonseed.ffi"
local check = require "moonseed.check"
local context = require "moonseed.context"

local C, live = core.C, context.live

local M = {}

local function restore(code, ok, ...)
  live.autocast = code
  if not ok then error((...), 0) end
  return ...
end

--- Runs `fn(...)` inside an autocast, or outside; restores it.
---@param code integer  the core's of bf16 or f16; 0: outside
---@param fn function
---@param ... any       for `fn`
---@return any ...  what `fn` returned
function M.within(code, fn, ...)
  local old = live.autocast
  live.autocast = code
  return restore(old, xpcall(fn, context.note, ...))
end

local CODES = { bf16 = tonumber(C.MOON_BF16), f16 = tonumber(C.MOON_F16),
                f32 = 0 }

--- The core's code of a dtype that the current device multiplies in; raises for
--- others.
---@param op string
---@param dtype any
---@return integer
function M.code(op, dtype)
  local code = CODES[dtype]
  if not code then
    check.fail(op, "no dtype '%s' to multiply in (bf16, f16, f32)",
               tostring(dtype))
  end
  if code == 0 or C.moon_device_has_halves(live.rt, live.device) == 1 then
    return code
  end
  if dtype == "f16" then
    check.fail(op, "f16 is for GPUs; %s multiplies in bf16 or f32",
               context.device())
  end
  if C.moon_has_bf16() == 0 then
    check.fail(op, "this CPU has no bf16 arithmetic (avx512_bf16)")
  end
  return code
end

--- Runs `fn`, inside which products are computed in `dtype`: "bf16", on a GPU
--- also "f16", or "f32", as outside. Weights, their gradients and the
--- optimiser's state stay f32. What the forward did holds for its gradients,
--- whenever these are computed.
---
--- On a GPU, as in PyTorch's autocast: convolutions, linear, matmul, bmm and
--- attention cast what they are given and give tensors of `dtype`, and so what
--- lies between them (norms with f32 parameters, ReLU, pooling, dropout) is
--- computed on half of the bytes. Sums, means and other reductions, cumsum,
--- softmax, losses, exp, log and powers give f32, and so does arithmetic of a
--- tensor of `dtype` with one of f32. Unlike there, layer_norm and group_norm
--- give their input's dtype, and a weight is cast anew at each use. f16 has a
--- small range: scale the loss, see moon.optim.Optimiser.scale.
---
--- On the CPU tensors stay f32. Convolutions, linear and matmul round their
--- factors to bf16 (8 bits of precision) inside the kernels, where that is
--- faster, and add their products in f32. Shapes alone say what is faster:
--- small and depthwise products and convolutions that Winograd's method suits
--- are not rounded.
---
--- Nowhere are tensors of f64 cast.
---@param dtype "bf16"|"f16"|"f32"
---@param fn function
---@return any ...  what `fn` returned
function M.autocast(dtype, fn)
  local code = M.code("autocast", dtype)
  check.callable("autocast", "its second argument", fn)
  return M.within(code, fn)
end

--- Tensors that are joined: inside an autocast halves become f32 beside f32.
---@param list userdata[]
---@return userdata[]
function M.met(list)
  if live.autocast == 0 then return list end
  local has = {}
  for _, t in ipairs(list) do has[t:dtype()] = true end
  if not has.f32 then return list end
  local lifted = {}
  for i, t in ipairs(list) do lifted[i] = M.lifted(t) end
  return lifted
end

--- A tensor as losses take it: inside an autocast halves become f32.
---@param t userdata
---@return userdata
function M.lifted(t)
  return live.autocast ~= 0 and check.halves[t:dtype()] and t:to "f32" or t
end

return M
