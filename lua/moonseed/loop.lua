--- The loop: which task runs next, and what the others wait for.
--
-- The main chunk drives it (`run`): it resumes the tasks that are ready, looks
-- at the core's completion ring, and gives luv a turn. Tasks therefore never
-- run inside a luv callback; a callback only wakes them.
--

local core = require "moonseed.ffi"
local check = require "moonseed.check"
local context = require "moonseed.context"
local ring = require "moonseed.ring"
local runtime = require "moonseed.runtime"
local C, uv = core.C, core.uv

local resume, yield = coroutine.resume, coroutine.yield
local status, isyieldable = coroutine.status, coroutine.isyieldable
local running_coroutine = coroutine.running

local M = {}

--- What a coroutine yields to say: resume me once the task is woken.
local AWAIT = setmetatable({}, { __tostring = function() return "await" end })
M.AWAIT = AWAIT

--- The main chunk, as something that waits; not a task.
local root = { children = {}, unread = {}, fiber = context.main }
M.root = root
--- The task that runs, or `root`.
M.running = root
--- The task of moon.main, or nil.
M.main = nil
--- Tasks that have not ended.
M.tasks = {}

local HOLD_NS = 2e6  -- a task gives way after this long
local TURN_NS = 2e5  -- luv has a turn at least this often, when work goes on

-- Monotonic nanoseconds.
local function now()
  return tonumber(C.moon_now())
end

-- --- what is ready -------------------------------------------------------

local queue, head, tail = {}, 1, 0  -- empty: head > tail
local turned = 0                    -- when luv last had its turn
local idle, in_turn, hurried        -- luv handle; luv runs; idle is started

local function nothing() end

-- Callbacks of timers run before luv begins to wait: what they wake must keep
-- it from waiting. An idle handle that is started does.
local function hurry()
  if hurried then return end
  hurried = true
  idle:start(nothing)
end

--- Wakes a task (or the main chunk) that is parked or has not run yet; nothing
--- of one that has ended, which may have been late for what it waited for.
---@param task table
function M.wake(task)
  if task == root then
    task.woken = true
  elseif not task.queued and not task.done then
    task.queued = true
    tail = tail + 1
    queue[tail] = task
  end
  if in_turn then hurry() end
end

local function run_task(task)
  task.queued = false
  task.woken = true
  M.running = task
  context.enter(task.fiber)
  local co = task.co
  local ok, signal = resume(co, task)
  context.leave(task.fiber)
  if not ok then
    task:abandon(signal)
  elseif signal ~= AWAIT and status(co) ~= "dead" then
    task:abandon("coroutine.yield in a task itself, outside a generator; "
                 .. "moon.yield() gives way")
  end
end

-- At most what was ready when it began, and for at most HOLD_NS.
local function run_ready()
  context.leave(root.fiber)
  local last = tail
  while head <= last do
    local task = queue[head]
    queue[head] = nil
    head = head + 1
    if task.queued then run_task(task) end
    if now() - turned > HOLD_NS then break end
  end
  if head > tail then head, tail = 1, 0 end
  M.running = root
  context.enter(root.fiber)
end

--- Whether luv has been kept waiting for longer than a task should.
---@return boolean
function M.overdue()
  return now() - turned > HOLD_NS
end

-- --- luv -----------------------------------------------------------------

local function report(e)
  io.stderr:write("moonseed: ", debug.traceback(tostring(e), 2), "\n")
end

--- `fn` as a luv callback: an error is printed, not the end of the process.
---@param fn function
---@return function
function M.guard(fn)
  return function(...) return xpcall(fn, report, ...) end
end

local poll, referenced
local openers = {}

--- Calls `fn` when the loop is opened.
---@param fn function  without arguments
function M.at_open(fn)
  openers[#openers + 1] = fn
end

--- Makes the loop's handles, once per process; when it first runs.
function M.open()
  if poll then return end
  poll = uv.new_poll(C.moon_completion_fd(runtime.handle))
  poll:start("r", M.guard(function() ring.drain(M.wake) end))
  poll:unref()
  referenced = false
  idle = uv.new_idle()
  check.status(C.moon_interrupt_install(runtime.handle))
  for _, fn in ipairs(openers) do fn() end
end

-- The ring's handle keeps luv's loop alive just while a ticket is due.
local function turn(mode)
  local wanted = ring.n_due > 0
  if wanted ~= referenced then
    referenced = wanted
    if wanted then poll:ref() else poll:unref() end
  end
  in_turn = true
  uv.run(mode)
  in_turn = false
  if hurried then
    hurried = false
    idle:stop()
  end
  turned = now()
end

--- Ends the wait of a task (or the main chunk) with an error, raised where it
--- waits or, if it runs, at its next wait. Of several the first is raised.
---@param task table
---@param e any
function M.stop(task, e)
  if task.stopped == nil then task.stopped = e end
  if task.parked then
    ring.forget(task)
    M.wake(task)
  end
end

--- Takes Ctrl-C to moon.main's task, or to the main chunk.
function M.interrupt()
  M.stop(M.main or root, "interrupted")
end

local function deadlock()
  local lines = {}
  for task in pairs(M.tasks) do lines[#lines + 1] = task:describe() end
  table.sort(lines)
  local text = "deadlock: all tasks wait and nothing is in flight"
  if #lines > 0 then text = text .. ": " .. table.concat(lines, "; ") end
  M.stop(M.main or root, text)
end

-- One round: tasks, ring, luv.
local function round()
  run_ready()
  if root.woken then return end
  if head > tail then ring.look(M.wake) end
  if root.woken then return end
  if head <= tail then
    if now() - turned > TURN_NS then turn "nowait" end
  elseif ring.n_due > 0 or uv.loop_alive() then
    turn "once"
  else
    deadlock()
  end
  if C.moon_interrupt_take(runtime.handle) == 1 then M.interrupt() end
end

-- Until the main chunk is woken.
local function run()
  M.open()
  if M.overdue() then turn "nowait" end
  while not root.woken do round() end
end

-- --- waiting -------------------------------------------------------------

--- How each kind of wait is done where Lua cannot yield: on this thread.
---@type table<string, fun(object: any)>
M.blockers = {}

-- Inside a C function, or in a coroutine that moonseed does not know.
local function block(task)
  ring.forget(task)
  task.woken, task.queued = true, false
  local blocker, kind = M.blockers[task.kind], task.kind
  if not blocker then
    task.parked, task.kind, task.object = false, nil, nil
    check.raise("waiting for " .. kind .. " inside a C function (require, "
                .. "table.sort, string.gsub, ...), which cannot be suspended")
  end
  if task ~= root then C.moon_count_blocked_wait(runtime.handle) end
  blocker(task.object)
end

--- Holds the running code, which may be the task's own or a generator's, until
--- the task is woken.
function M.hold()
  local task = M.running
  local co = running_coroutine()
  while not task.woken do
    if not co and task == root then
      run()
    elseif M.can_wait() then
      yield(AWAIT)
    else
      block(task)
    end
  end
end

--- Whether a wait here suspends, instead of blocking or raising.
---@return boolean
function M.can_wait()
  local co = running_coroutine()
  if not co then return M.running == root and not uv.loop_mode() end
  return isyieldable() and (co == M.running.co or context.managed(co))
end

--- Raises if this is a luv callback: waiting there would stop the loop.
---@param kind string  what is to be waited for
function M.refuse_callback(kind)
  if M.running == root and uv.loop_mode() then
    check.raise("waiting for " .. kind .. " in a luv callback, which is no "
                .. "task; use moon.spawn(function() ... end) there")
  end
end

--- Parks the running task until it is woken, whatever else there is to say.
---@param kind string    what is waited for
---@param object any     the thing
---@param ticket number|nil  that wakes it; without one, M.wake does
function M.rest(kind, object, ticket)
  local task = M.running
  task.kind, task.object = kind, object
  task.woken, task.parked = false, true
  if ticket then ring.expect(task, ticket) end
  M.hold()
  task.parked, task.kind, task.object = false, nil, nil
end

-- What ended a wait, or should have ended it. Cancelling lasts.
local function take_stop(task)
  local e = task.stopped
  if not task.cancelled then task.stopped = nil end
  return e
end

--- As M.rest, but returns what ended the wait instead (cancelled, interrupted,
--- deadlock), and does not begin when that is known.
---@param kind string    what is waited for
---@param object any     the thing
---@param ticket number|nil  that wakes it; without one, M.wake does
---@return any|nil
function M.park(kind, object, ticket)
  M.refuse_callback(kind)
  local task = M.running
  if task.stopped == nil then M.rest(kind, object, ticket) end
  return take_stop(task)
end

--- Raises what M.park returned, at the user's line.
---@param e any
function M.raise_stop(e)
  if type(e) == "string" then check.raise(e) end
  error(e, 0)
end

--- As M.park, but raises.
---@param kind string    what is waited for
---@param object any     the thing
---@param ticket number|nil  that wakes it; without one, M.wake does
function M.wait(kind, object, ticket)
  local e = M.park(kind, object, ticket)
  if e ~= nil then M.raise_stop(e) end
end

-- From the main chunk: one round of everything else.
local function give_root_turn()
  M.open()
  root.woken = false
  run_ready()
  if not root.woken then turn "nowait" end
  root.woken = true
end

--- Lets luv end what was closed: a handle whose end it has not seen when the
--- Lua state is closed crashes luv 1.44.
function M.flush()
  if poll and uv.loop_mode() == nil then turn "nowait" end
end

--- Lets luv and the other tasks have a turn. Does nothing where Lua cannot
--- yield.
function M.yield()
  local task = M.running
  if task == root then
    if running_coroutine() or uv.loop_mode() then return end
    give_root_turn()
  elseif M.can_wait() and task.stopped == nil then
    M.wake(task)
    M.rest("a turn")
  end
  local e = take_stop(task)
  if e ~= nil then M.raise_stop(e) end
end

return M
