--- moon.autocast: products that may round their factors to bf16.

local core = require "moonseed.ffi"
local check = require "moonseed.check"
local context = require "moonseed.context"

local C, live = core.C, context.live

local M = {}

local function restore_rounding(bf16, ok, ...)
  live.bf16 = bf16
  if not ok then error((...), 0) end
  return ...
end

--- Runs `fn(...)` with products that may round their factors, or not; restores
--- it.
---@param bf16 integer  1: to bf16
---@param fn function
---@param ... any       for `fn`
---@return any ...  what `fn` returned
function M.with_rounding(bf16, fn, ...)
  local old = live.bf16
  live.bf16 = bf16
  return restore_rounding(old, xpcall(fn, context.note, ...))
end

local FACTORS = { bf16 = 1, f32 = 0 }

--- Runs `fn`, inside which convolutions, linear and matmul, and their gradients
--- whenever these are computed, may multiply in `dtype`: "bf16", where that is
--- faster, or "f32", as outside. Factors are rounded to bf16 (8 bits of
--- precision) inside the kernels and their products added in f32; tensors stay
--- f32, so weights, gradients and the optimiser's state lose nothing. Shapes
--- alone say what is faster: small and depthwise products and convolutions
--- that Winograd's method suits are not rounded; nor are factors of f64.
---@param dtype "bf16"|"f32"
---@param fn function
---@return any ...  what `fn` returned
function M.autocast(dtype, fn)
  local bf16 = FACTORS[dtype]
  if not bf16 then
    check.fail("autocast", "no dtype '%s' to multiply in (bf16, f32)",
               tostring(dtype))
  end
  check.callable("autocast", "its second argument", fn)
  if bf16 == 1 and C.moon_has_bf16() == 0 then
    check.fail("autocast", "this CPU has no bf16 arithmetic (avx512_bf16)")
  end
  return M.with_rounding(bf16, fn)
end

return M
