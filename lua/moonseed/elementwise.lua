--- How an elementwise function is called: one call of the core, which compiled
-- costs little more than the core's own work.

local core = require "moonseed.ffi"
local context = require "moonseed.context"
local retry = require "moonseed.retry"
local tensor = require "moonseed.tensor"
local C, ffi = core.C, core.ffi

local live, state = context.live, context.state
local out, wrap, pointer = tensor.out, tensor.wrap, tensor.pointer
local after, call = tensor.after, tensor.call

local M = {}

--- f(x, s).
---@param op string     what the user called
---@param kind integer  MOON_U_*
---@param x userdata
---@param s number
---@return userdata
function M.unary(op, kind, x, s)
  local p = pointer(op, "x", x)
  if state.sites then tensor.trace_site() end
  local status = C.moon_unary(live, kind, p, s, out)
  if status < 0 then
    retry.call(status, C.moon_unary, live, kind, p, s, out)
  end
  return after(wrap(out[0]), x)
end

--- f(a, b).
---@param op string     what the user called
---@param kind integer  MOON_B_*
---@param a userdata
---@param b userdata
---@return userdata
function M.binary(op, kind, a, b)
  local pa, pb = pointer(op, "a", a), pointer(op, "b", b)
  if state.sites then tensor.trace_site() end
  local status = C.moon_binary(live, kind, pa, pb, out)
  if status < 0 then
    retry.call(status, C.moon_binary, live, kind, pa, pb, out)
  end
  return after(wrap(out[0]), a, b)
end

local one = ffi.new("int64_t[1]")

--- A scalar where x is.
---@param x userdata
---@param dtype integer
---@param s number
---@return userdata
function M.scalar(x, dtype, s)
  local device = C.moon_tensor_device(x.p)
  if device == live.device then
    return call(C.moon_full, dtype, 0, one, s, out)
  end
  return context.with_stream(live.stream, device, call, C.moon_full, dtype, 0,
                             one, s, out)
end

--- A scalar of x's dtype where x is.
---@param x userdata
---@param s number
---@return userdata
function M.scalar_like(x, s)
  return M.scalar(x, C.moon_tensor_dtype(x.p), s)
end

--- Elements that are booleans are numbers to the core.
---@param value any
---@return any
function M.as_number(value)
  if type(value) == "boolean" then return value and 1 or 0 end
  return value
end

return M
