--- Ctrl-C in a session: it ends the line, wherever that is, and no other task.
--
-- A line that waits is stopped by the loop. One that calls ops gets the core's
-- status, as the core is told whose ops to interrupt. One that does neither
-- (`while true do end`) holds the thread: there the signal's handler sets
-- Lua's hook, as luajit's own command does; lines are interpreted, so it is
-- called. It raises in code that was typed only, never inside Moonseed.

local core = require "moonseed.ffi"
local check = require "moonseed.check"
local loop = require "moonseed.loop"
local runtime = require "moonseed.runtime"
local C, ffi = core.C, core.ffi

-- lua.h, of which luajit exports the functions. lua_Hook and lua_State are
-- only handed on.
ffi.cdef [[
int lua_sethook(void *L, void *hook, int mask, int count);
void *lua_gethook(void *L);
]]

local M = {}

local MASK_COUNT, COUNT = 8, 100
local HELD_NS = 1e9  -- then code typed earlier that holds the thread ends too

local ours = "@" .. core.folder
local state, hook, held_since
local line           -- { task =, source = }, or nil

-- A pointer to the Lua state of a coroutine, whose address is in its name.
local function address(co)
  local digits = tostring(co):match "0x(%x+)"
  return ffi.cast("void *", tonumber(digits, 16))
end

-- Interpreted: a compiled call that changes the hook would go on without it.
local function disarm() ffi.C.lua_sethook(state, nil, 0, 0) end
jit.off(disarm)

local function is_typed(source) return source:find "^=line%d+$" ~= nil end

local function is_meant(source)
  if line and (loop.running == line.task or source == line.source) then
    return true
  end
  local now = tonumber(C.moon_now())
  held_since = held_since or now
  return now - held_since > HELD_NS and is_typed(source)
end

local function on_count()
  local source = debug.getinfo(2, "S").source
  if source:sub(1, #ours) == ours or not is_meant(source) then return end
  held_since = nil
  disarm()
  C.moon_interrupt_take(runtime.handle)
  check.raise "interrupted"
end

-- Registers the hook's function with Lua, and leaves the hook off.
local function prepare()
  debug.sethook(on_count, "", COUNT)
  hook = ffi.C.lua_gethook(state)
  disarm()
  local call = ffi.new "moon_interrupt_call"
  call.fn = ffi.cast("void (*)(void *, void *, int, int)",
                     ffi.C.lua_sethook)
  call.a, call.b, call.c, call.d = state, hook, MASK_COUNT, COUNT
  C.moon_interrupt_tell(runtime.handle, call)
end
jit.off(prepare)

--- Begins: Ctrl-C is for the line that M.begin names, and `on_idle` hears of
--- it when there is none. Call it in the session's task.
---@param session Task
---@param on_idle fun()
---@return fun() close  ends it
function M.open(session, on_idle)
  local before = loop.interrupt
  state = address(session.co)
  prepare()
  C.moon_interrupt_aim(runtime.handle, session.core)
  loop.interrupt = function()
    held_since = nil
    disarm()
    if not line then return on_idle() end
    if loop.running ~= line.task then loop.stop(line.task, "interrupted") end
  end
  return function()
    loop.interrupt = before
    C.moon_interrupt_aim(runtime.handle, nil)
    C.moon_interrupt_tell(runtime.handle, ffi.new "moon_interrupt_call")
    debug.sethook()
  end
end

--- Ctrl-C is for this line from now on.
---@param task Task
---@param source string  of its code, as in debug.getinfo
function M.begin(task, source)
  line = { task = task, source = source }
  C.moon_interrupt_aim(runtime.handle, task.core)
end

--- Whether a Ctrl-C has not been dealt with yet; it has been then.
---@return boolean
function M.is_due()
  return C.moon_interrupt_take(runtime.handle) == 1
end

--- The line has ended; one that came too late is forgotten.
---@param session Task
function M.finish(session)
  line = nil
  disarm()
  C.moon_interrupt_take(runtime.handle)
  C.moon_interrupt_aim(runtime.handle, session.core)
end

return M
