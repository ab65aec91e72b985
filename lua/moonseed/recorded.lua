--- What the other parts of Moonseed must know of moon.capture: whether a
-- function is being recorded, and what it must not do then; what a recording
-- takes for granted.

local check = require "moonseed.check"
local loop = require "moonseed.loop"

local M = {}

---@class Recording
---@field core userdata      the core's moon_recording
---@field hosts table[]      host parts, see moonseed.host
---@field guards table[]     { function, its argument, what it returned }
---@field backward boolean   a backward was queued
---@field changes integer    what `changes` was

--- How often something has changed that functions read in Lua: what modules
--- hold, their modes, what takes part in a slot, functions. Recordings made
--- before do not count any more.
M.changes = 0

--- Such a thing has changed.
function M.changed() M.changes = M.changes + 1 end

--- The running task's recording, or nil.
---@return Recording|nil
function M.current() return loop.running.recording end

--- Raises while a function is recorded.
---@param op string   what the user called
---@param text string what to do instead
function M.refuse(op, text)
  if loop.running.recording then
    check.fail(op, "not while moon.capture records a function; %s", text)
  end
end

--- Raises while a function is recorded: a replay would not read the values.
---@param op string  what the user called
function M.refuse_read(op)
  if loop.running.recording then
    M.refuse(op, "return the tensor, and read it outside")
  end
end

--- What is recorded holds as long as `fn(of)` gives the same.
---@param fn fun(of: any): any  cheap; must not raise
---@param of any
function M.guard(fn, of)
  local recording = loop.running.recording
  if recording then
    recording.guards[#recording.guards + 1] = { fn, of, fn(of) }
  end
end

return M
