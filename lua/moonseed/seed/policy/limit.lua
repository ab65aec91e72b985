--- Ends a call that takes too long or too much memory, by a hook that looks at
--- the clock every thousand instructions. Needs the JIT off: compiled code
--- calls no hook.
-- Uses nothing of moonseed: a policy's thread loads it.

local uv = require "luv"

local M = {}

local INSTRUCTIONS = 1000
local MOST_KB = 256 * 1024

local deadline_ns  -- on uv.hrtime's clock
local limit_ms
local exceeded     -- why the call is being ended, or nil

local function look()
  if uv.hrtime() > deadline_ns then
    exceeded = ("took more than %g ms"):format(limit_ms)
  elseif collectgarbage "count" > MOST_KB then
    exceeded = ("used more than %d MB"):format(MOST_KB / 1024)
  end
  if exceeded then error(exceeded, 0) end
end

local function passed(ok, ...)
  if exceeded then error(exceeded, 0) end
  return ok, ...
end

--- As pcall, but lets the end of the whole call through.
---@param fn function
---@param ... any  its arguments
---@return boolean, any ...
function M.pcall(fn, ...)
  return passed(pcall(fn, ...))
end

-- The hook may strike between the end of fn and its own removal: hence a pcall
-- around this, too.
local function hooked(fn, ...)
  debug.sethook(look, "", INSTRUCTIONS)
  local ok, value = pcall(fn, ...)
  debug.sethook()
  return ok, value
end

--- Calls fn(...) for at most `ms` milliseconds.
---@param ms number
---@param fn function
---@param ... any  its arguments
---@return boolean ok
---@return any     fn's first result, or the error
---@return boolean it was ended for what it took
function M.call(ms, fn, ...)
  exceeded, limit_ms = nil, ms
  deadline_ns = uv.hrtime() + ms * 1e6
  local ran, ok, value = pcall(hooked, fn, ...)
  debug.sethook()
  if not ran then ok, value = false, ok end
  local ended = exceeded ~= nil
  if ended then ok, value = false, exceeded end
  exceeded = nil
  return ok, value, ended
end

return M
