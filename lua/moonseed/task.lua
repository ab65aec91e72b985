--- Tasks: coroutines that the loop runs, each the scope of its children.
--
-- A task has ended when its function has returned and its children have ended;
-- when its function raises, the children are cancelled first.

local core = require "moonseed.ffi"
local check = require "moonseed.check"
local context = require "moonseed.context"
local loop = require "moonseed.loop"
local recorded = require "moonseed.recorded"
local runtime = require "moonseed.runtime"
local C, ffi = core.C, core.ffi

local create = coroutine.create
local live, state = context.live, context.state

local M = {}

---@class Task
---@field core userdata|nil  the core's moon_task, counted; nil once it ended
---@field done boolean     it has ended
---@field failed boolean   by an error, which is `error` (with `trace`)
---@field cancelled boolean
local Task = {}
Task.__index = Task

local function pack(...)
  return { n = select("#", ...), ... }
end

-- --- names, for reports --------------------------------------------------

--- The task's name, or where its function is defined.
---@return string
function Task:title()
  if self.name then return "'" .. self.name .. "'" end
  if self.label then return self.label end
  if type(self.fn) ~= "function" then return tostring(self.fn) end
  local info = debug.getinfo(self.fn, "S")
  return ("at %s:%d"):format(info.short_src, info.linedefined)
end

Task.__tostring = function(self)
  return "task " .. self:title()
end

--- What the task is doing, for the deadlock report.
---@return string
function Task:describe()
  local kind, object = self.kind or "nothing", self.object
  if M.is_task(object) then
    kind = object == self and kind or tostring(object)
  end
  return ("task %s waits for %s"):format(self:title(), kind)
end

--- Whether `value` is a task.
---@param value any
---@return boolean
function M.is_task(value)
  return getmetatable(value) == Task
end

-- --- the end of a task ---------------------------------------------------

local function print_unread(task)
  if task.awaited then return end
  task.awaited = true
  io.stderr:write("moonseed: task ", task:title(), " failed, and nobody awaited"
                  .. " it: ", tostring(task.error), "\n",
                  task.trace and task.trace .. "\n" or "")
end

-- Printed when the parent ends, or earlier, when nobody can await it any more.
local function leave_unread(task)
  local guard = newproxy(true)
  getmetatable(guard).__gc = function() print_unread(task) end
  task.guard = guard
  task.parent.unread[task] = true
end

local function fail(self, e)
  self.failed, self.error, self.trace = true, e, context.trace_of(e)
end

local function cancel_children(self)
  for child in pairs(self.children) do child:cancel() end
end

-- Waits for the children; what ends that wait early cancels them.
local function join(self)
  while next(self.children) do
    loop.rest("its children", self)
    if self.stopped ~= nil and not self.failed then
      fail(self, self.stopped)
      cancel_children(self)
    end
  end
end

local function finish(self)
  for task in pairs(self.unread) do print_unread(task) end
  self.done = true
  loop.tasks[self] = nil
  local parent = self.parent
  parent.children[self] = nil
  self.label = self.failed and self:title() or "that has ended"
  self.fn, self.co = nil, nil  -- a task that is kept keeps only its results
  C.moon_task_end(self.core)
  C.moon_task_release(self.core)
  self.core = nil
  local heard = self.awaited
  for _, waiter in ipairs(self.waiters) do
    if waiter.object == self then
      heard = true
      loop.wake(waiter)
    end
  end
  if self.failed and not heard and not self.cancelled then
    leave_unread(self)
  end
  if parent.object == parent and not next(parent.children) then
    loop.wake(parent)
  end
end

-- An error of an in-place op that no await has raised.
local function take_error(self)
  if self.failed then return end
  if C.moon_task_take_error(live.task) < 0 then
    fail(self, ffi.string(C.moon_last_error()))
  end
end

local function settle(self, ok, ...)
  if ok then
    self.results = pack(...)
  else
    fail(self, (...))
    cancel_children(self)
  end
  join(self)
  if self.cancelled and not self.failed then fail(self, self.stopped) end
  take_error(self)
  finish(self)
end

local function body(self)
  if self.stopped ~= nil then return settle(self, false, self.stopped) end
  return settle(self, xpcall(self.fn, context.note))
end

--- Ends a task from outside: its coroutine is not resumed any more.
---@param e any
function Task:abandon(e)
  if self.done then return end
  fail(self, e)
  self.trace = debug.traceback(self.co)
  cancel_children(self)
  finish(self)
end

-- --- making and ending ---------------------------------------------------

---@class TaskOptions
---@field name string|nil       for reports
---@field same_stream boolean|nil  the caller's stream instead of its own
---@field of_program boolean|nil  a child of moon.main's task, not the caller's,
---                               which may end before it

-- A callback's tasks belong to moon.main, if that runs.
local function parent_of_new(of_program)
  local parent = loop.running
  if (parent == loop.root or of_program) and loop.main
     and not loop.main.done then
    return loop.main
  end
  return of_program and loop.root or parent
end

local known = { name = check.optional, same_stream = check.optional,
                of_program = check.optional }

local function check_options(options)
  if options == nil then return {} end
  check.names("spawn", options, known)
  if options.name ~= nil then check.text("spawn", "name", options.name) end
  for _, name in ipairs{ "same_stream", "of_program" } do
    if options[name] ~= nil then check.boolean("spawn", name, options[name]) end
  end
  return options
end

--- Starts `fn` as a child of the running task, on a stream of its own. It runs
--- when the caller next waits.
---@param fn function
---@param options TaskOptions|nil
---@return Task
function M.spawn(fn, options)
  recorded.refuse("spawn", "start tasks outside")
  check.callable("spawn", "its argument", fn)
  options = check_options(options)
  local fiber = context.fork(false)
  fiber.anchor = ffi.gc(C.moon_task_new(runtime.handle, live.task),
                        C.moon_task_release)
  fiber.ctx.task = fiber.anchor
  if not options.same_stream then
    fiber.ctx.stream =
      check.status(C.moon_stream_next(runtime.handle, live.device))
  end
  local self = setmetatable({
    fn = fn, name = options.name, fiber = fiber, done = false,
    core = C.moon_task_retain(fiber.anchor), co = create(body),
    parent = parent_of_new(options.of_program), children = {}, waiters = {},
    unread = setmetatable({}, { __mode = "k" }),
  }, Task)
  context.adopt(self.co, fiber)
  self.parent.children[self] = true
  loop.tasks[self] = true
  if state.grad_scope then table.insert(state.grad_scope.tasks, self) end
  loop.wake(self)
  return self
end

--- Cancels the task and its children: the ops that have not started will not,
--- and each raises where it waits, or at its next wait.
function Task:cancel()
  if self.done or self.cancelled then return end
  self.cancelled = true
  C.moon_task_cancel(self.core)
  cancel_children(self)
  loop.stop(self, "task " .. self:title() .. " was cancelled")
end

--- Gives the task's children, and what of them nobody has awaited, to another
--- task, whose end they do not outlive instead.
---@param heir Task
function Task:hand_over(heir)
  for child in pairs(self.children) do
    child.parent = heir
    heir.children[child] = true
  end
  for child in pairs(self.unread) do
    child.parent = heir
    heir.unread[child] = true
  end
  self.children, self.unread = {}, setmetatable({}, { __mode = "k" })
end

--- Suspends until the task has ended.
---@return any|nil  what ended this wait early
function Task:join()
  recorded.refuse("await", "await tasks outside")
  if self == loop.running then check.fail("await", "%s awaits itself", self) end
  while not self.done do
    table.insert(self.waiters, loop.running)
    local e = loop.park("a task", self)
    if e ~= nil then return e end
  end
  self.awaited = true
end

--- Suspends until the task has ended.
---@return any ...  what its function returned; or raises its error
function Task:await()
  local e = self:join()
  if e ~= nil then loop.raise_stop(e) end
  if self.failed then
    context.note_trace(self.error, self.trace)
    error(self.error, 0)
  end
  return unpack(self.results, 1, self.results.n)
end

--- Whether the task has ended.
---@return boolean
function Task:is_ready()
  return self.done
end

local failed_main  -- the core's task of the last moon.main that failed

--- The program's main task has failed.
---@param main Task
function M.fail_program(main)
  if failed_main then C.moon_task_release(failed_main) end
  failed_main = C.moon_task_retain(main.fiber.anchor)
end

--- At the end of the process: what the main chunk spawned and left behind. The
--- rest of a failed program is not run. Finalisers have released every anchor
--- by now, so only references that Lua counts itself are good.
function M.close()
  if failed_main then
    C.moon_task_cancel(failed_main)
    C.moon_task_release(failed_main)
  end
  for task in pairs(loop.root.unread) do print_unread(task) end
  local exits = loop.running ~= loop.root  -- os.exit(status, true) in a task
  for task in pairs(loop.tasks) do
    if task.parent == loop.root and not exits then
      io.stderr:write("moonseed: task ", task:title(), " had not ended when "
                      .. "the program did\n")
    end
    C.moon_task_cancel(task.core)
    C.moon_task_release(task.core)
  end
end

return M
