--- What follows when an op call fails: another try with more memory, or the
-- error.

local core = require "moonseed.ffi"
local check = require "moonseed.check"
local context = require "moonseed.context"
local loop = require "moonseed.loop"
local wait = require "moonseed.wait"
local C, ffi, uv = core.C, core.ffi, core.uv

local M = {}

-- Twice: what the first collection finalises may hold more.
local function collect()
  collectgarbage()
  collectgarbage()
end

local function wait_idle()
  if loop.running == loop.root and uv.loop_mode() then
    C.moon_idle_wait(context.live)
  else
    wait.settle()
  end
  collect()
end

-- Functions of the core that serve several of the user's.
local shared = { full = true, random = true, sort = true, tensor = true }

-- The core's text, with the name that the user knows.
local function name_op(text, status)
  local op = context.state.op
  local name, rest = text:match "^(%l+): (.*)"
  if shared[name] then return op .. ": " .. rest end
  if status == C.MOON_E_MEMORY and name == "memory" then
    return (op or "tensor") .. ": " .. text
  end
  return text
end

--- Raises the error of a failed call that cannot be tried again.
---@param status integer  negative
function M.refuse(status)
  C.moon_memory_press(context.live.rt, 0)
  if status == C.MOON_E_INTERRUPTED then
    C.moon_interrupt_take(context.live.rt)
    if loop.main and loop.main ~= loop.running then loop.interrupt() end
    check.raise "interrupted"
  end
  check.raise(name_op(ffi.string(C.moon_last_error()), status))
end

--- Prepares another try of a failed call, or raises. Out of memory: first the
--- collector gives back what Lua has dropped, then the work in flight is waited
--- for, then it is an error.
---@param status integer   negative
---@param attempt integer  how many tries there were
function M.prepare(status, attempt)
  if status ~= C.MOON_E_MEMORY or attempt > 2 then M.refuse(status) end
  if attempt == 1 then collect() else wait_idle() end
  C.moon_memory_press(context.live.rt, 1)
end

--- What had to be tried again has succeeded.
function M.over()
  C.moon_memory_press(context.live.rt, 0)
end

--- Repeats `fn(...)`, which gave `status`, until it succeeds; or raises.
---@param status integer  negative
---@param fn function     of the core
---@param ... any         for `fn`
---@return integer  a status that is not negative
function M.call(status, fn, ...)
  local attempt = 0
  while status < 0 do
    attempt = attempt + 1
    M.prepare(status, attempt)
    status = fn(...)
  end
  M.over()
  return status
end

return M
