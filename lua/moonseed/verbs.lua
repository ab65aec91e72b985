--- What programs do with tasks: main, sleep, gather, timeout.

local core = require "moonseed.ffi"
local alarm = require "moonseed.alarm"
local check = require "moonseed.check"
local context = require "moonseed.context"
local loop = require "moonseed.loop"
local recorded = require "moonseed.recorded"
local task = require "moonseed.task"
local wait = require "moonseed.wait"
local uv = core.uv

local M = {}

M.spawn = task.spawn
M.yield = loop.yield

loop.blockers["a sleep"] = function(sleep) uv.sleep(math.ceil(sleep.ms)) end

--- Suspends for `ms` milliseconds.
---@param ms number  finite
function M.sleep(ms)
  recorded.refuse("sleep", "sleep outside")
  if check.time("sleep", "the time", ms) == math.huge then
    check.fail("sleep", "the time has an end, not %g ms", ms)
  end
  local sleeper, sleep = loop.running, { ms = ms }
  local bell = alarm.set(ms, function()
    if sleeper.object == sleep then loop.wake(sleeper) end
  end)
  local ok, e = pcall(loop.park, "a sleep", sleep)
  alarm.cancel(bell)
  if not ok then error(e, 0) end
  if e ~= nil then loop.raise_stop(e) end
end

-- Waits for all; what ends that early cancels those not ended.
local function join_all(tasks)
  for i = 1, #tasks do
    local ok, e = pcall(tasks[i].join, tasks[i])
    if not ok or e ~= nil then
      for j = i, #tasks do tasks[j]:cancel() end
      if not ok then error(e, 0) end
      loop.raise_stop(e)
    end
  end
end

--- Runs functions (or awaits tasks) side by side.
---@param ... function|Task
---@return any ...  the first result of each; or raises the first error, in the
---                 order of the arguments, once all have ended
function M.gather(...)
  recorded.refuse("gather", "start tasks outside")
  local tasks, n = { ... }, select("#", ...)
  for i = 1, n do
    if not task.is_task(tasks[i]) then
      check.callable("gather", "argument " .. i, tasks[i])
    end
  end
  for i = 1, n do
    if not task.is_task(tasks[i]) then tasks[i] = task.spawn(tasks[i]) end
    tasks[i].awaited = true
  end
  join_all(tasks)
  local results = {}
  for i = 1, n do results[i] = tasks[i]:await() end
  return unpack(results, 1, n)
end

--- Runs `fn`, for `ms` milliseconds at most.
---@param ms number    math.huge: as long as it takes
---@param fn function
---@return any ...  what `fn` returned; or raises its error, or that it is late
function M.timeout(ms, fn)
  recorded.refuse("timeout", "start tasks outside")
  check.time("timeout", "the time", ms)
  check.callable("timeout", "its second argument", fn)
  local child = task.spawn(fn, { name = "in timeout", same_stream = true })
  local late = false
  local bell = alarm.set(ms, function()
    late = not child.done
    child:cancel()
  end)
  local ok, e = pcall(join_all, { child })
  alarm.cancel(bell)
  if not ok then error(e, 0) end
  if late then check.fail("timeout", "%g ms have passed", ms) end
  return child:await()
end

-- What ops in flight still have to say is an error of the program.
local function after(...)
  wait.idle()
  return ...
end

local function with_trace(e)
  local trace = context.trace_of(e)
  if type(e) ~= "string" or not trace then return e end
  return e .. "\n" .. trace
end

local function finish_main(main, ok, ...)
  loop.main = nil
  if not ok then task.fail_program(main) end
  loop.flush()
  if not ok then error(with_trace((...)), 0) end
  return ...
end

--- Runs `fn(...)` as a task to its end, and until its ops are complete. From
--- the main chunk an error is raised with the traceback of where it arose; in
--- a task this is as if spawned and awaited.
---@param fn function
---@param ... any  for `fn`
---@return any ...  what `fn` returned
function M.main(fn, ...)
  recorded.refuse("main", "start tasks outside")
  check.callable("main", "its argument", fn)
  loop.refuse_callback "a task"
  local n, arguments = select("#", ...), { ... }
  local nested = loop.running ~= loop.root
  local main = task.spawn(function()
    return after(fn(unpack(arguments, 1, n)))
  end, { name = "main", same_stream = true })
  if nested then return main:await() end
  loop.main = main
  return finish_main(main, pcall(main.await, main))
end

return M
