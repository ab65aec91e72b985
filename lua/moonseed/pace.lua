--- Back-pressure and fairness: the only places where a task is suspended
-- without waiting for a value.
--
-- The batch iterator calls `pace.pause()`, backward `pace.backward()`, opt:step
-- `pace.step()` once its op is submitted. Each gives way to the loop when the
-- task has held it for 2 ms. A task that is more than four steps ahead of the
-- device waits until it is two ahead: a wake-up for every short step would take
-- the workers' cores. One whose unfinished steps took more than a quarter of
-- the memory limit waits for the oldest of them. A module's forward begins with
-- `pace.forward()`, for programs that go forward only. Errors of in-place ops
-- of earlier steps are raised here.

local core = require "moonseed.ffi"
local collect = require "moonseed.collect"
local context = require "moonseed.context"
local loop = require "moonseed.loop"
local runtime = require "moonseed.runtime"
local wait = require "moonseed.wait"
local C, uv = core.C, core.uv

local live = context.live

local M = {}

local AHEAD = 4   -- steps
local NEAR = 2    -- steps
local FAR = 1024  -- ops

-- In a luv callback nothing can be waited for.
local function in_callback()
  return loop.running == loop.root and uv.loop_mode() ~= nil
end

--- Gives way if the loop was held for long; collects if enough was allocated.
function M.pause()
  collect.at_step()
  if in_callback() then return end
  if loop.overdue() or loop.running.stopped ~= nil then loop.yield() end
end

--- Before a module's forward: a task that only goes forward, and never reads,
--- waits here when it is far ahead.
function M.forward()
  if C.moon_in_flight(live.rt) < FAR or not loop.can_wait() then return end
  wait.event(C.moon_stream_event(live.rt, live.stream))
  M.pause()
end

-- The steps of a task that may be unfinished: { event, bytes }, oldest first.
local function steps_of(task)
  if not task.steps then task.steps = { first = 1, last = 0 } end
  return task.steps
end

local function wait_for_oldest(steps)
  local oldest = steps[steps.first]
  steps[steps.first] = nil
  steps.first = steps.first + 1
  wait.event(oldest.event)
end

-- Notes the point on the current stream, waits for older steps.
local function mark()
  local steps = steps_of(loop.running)
  local allocated, _, limit = runtime.bytes()
  steps.last = steps.last + 1
  steps[steps.last] = {
    event = C.moon_stream_event(live.rt, live.stream), bytes = allocated,
  }
  if steps.last - steps.first >= AHEAD then
    wait.event(steps[steps.last - NEAR].event)
    while steps.last - steps.first >= NEAR do wait_for_oldest(steps) end
  end
  while steps.first < steps.last
      and allocated - steps[steps.first].bytes > limit / 4 do
    wait_for_oldest(steps)
  end
end

--- Ends a step.
function M.step()
  if not in_callback() then
    mark()
    loop.running.steps.backward = false
  end
  M.pause()
end

--- At a backward. A second one since the last step counts as a step: gradients
--- may add up over many.
function M.backward()
  if not in_callback() then
    local steps = steps_of(loop.running)
    if steps.backward then mark() end
    steps.backward = true
  end
  M.pause()
end

local function restore(task, steps, ok, ...)
  task.steps = steps
  if not ok then error((...), 0) end
  return ...
end

--- Runs fn(...) with steps counted in `steps`, a table that the caller keeps,
--- instead of the task's: what goes on beside a step is none of it.
---@param steps table  empty at first
---@param fn function
---@param ... any      for `fn`
---@return any ...  what `fn` returned
function M.apart(steps, fn, ...)
  local task = loop.running
  local before = task.steps
  if not steps.first then steps.first, steps.last = 1, 0 end
  task.steps = steps
  return restore(task, before, xpcall(fn, context.note, ...))
end

return M
