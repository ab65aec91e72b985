--- Alarms: functions to call at a time. All share one luv timer, set for the
-- earliest, so that a sleep makes and closes no handle.

local core = require "moonseed.ffi"
local loop = require "moonseed.loop"
local uv = core.uv

local M = {}

---@class Alarm
---@field at number        loop time, ms
---@field fn function|nil  nil once rung or cancelled

local heap, n = {}, 0  -- the earliest first
local timer

local function earlier(a, b)
  if a.at ~= b.at then return a.at < b.at end
  return a.number < b.number
end

local function push(alarm)
  n = n + 1
  local i = n
  while i > 1 do
    local parent = math.floor(i / 2)
    if not earlier(alarm, heap[parent]) then break end
    heap[i] = heap[parent]
    i = parent
  end
  heap[i] = alarm
end

local function pop()
  local last = heap[n]
  heap[n] = nil
  n = n - 1
  if n == 0 then return end
  local i = 1
  while 2 * i <= n do
    local child = 2 * i
    if child < n and earlier(heap[child + 1], heap[child]) then
      child = child + 1
    end
    if not earlier(heap[child], last) then break end
    heap[i] = heap[child]
    i = child
  end
  heap[i] = last
end

local LONGEST = 2 ^ 31  -- ms that luv is asked to wait at once
local ring

-- Sets the timer for the earliest alarm that is left; drops cancelled ones. It
-- may come too early, and is set again then.
local function arm()
  while n > 0 and not heap[1].fn do pop() end
  if n == 0 then return timer:stop() end
  local ms = math.max(heap[1].at - uv.now(), 0)
  timer:start(math.min(ms, LONGEST), 0, ring)
end

ring = loop.guard(function()
  local time = uv.now()
  while n > 0 and heap[1].at <= time do
    local fn = heap[1].fn
    heap[1].fn = nil
    pop()
    if fn then fn() end
  end
  arm()
end)

loop.at_open(function() timer = uv.new_timer() end)

local numbered = 0

--- Calls `fn` in the loop, `ms` milliseconds from now.
---@param ms number     at least 0; math.huge: never
---@param fn function
---@return Alarm
function M.set(ms, fn)
  loop.open()
  uv.update_time()
  numbered = numbered + 1
  local alarm = { at = uv.now() + math.ceil(ms), fn = fn, number = numbered }
  push(alarm)
  if heap[1] == alarm then arm() end
  return alarm
end

--- The alarm will not ring.
---@param alarm Alarm
function M.cancel(alarm)
  alarm.fn = nil
  if heap[1] == alarm then arm() end
end

return M
