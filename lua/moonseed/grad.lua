--- Gradients: backward, and the scope that waits for them.
--
-- The walk is the core's; at a user-defined node (moonseed.user_op) it returns
-- to Lua, which answers with ordinary operations and lets it go on.

local core = require "moonseed.ffi"
local check = require "moonseed.check"
local context = require "moonseed.context"
local loop = require "moonseed.loop"
local pace = require "moonseed.pace"
local recorded = require "moonseed.recorded"
local retry = require "moonseed.retry"
local tensor = require "moonseed.tensor"
local user_op = require "moonseed.user_op"
local wait = require "moonseed.wait"
local C, ffi = core.C, core.ffi

local live, state = context.live, context.state
local methods = tensor.methods

local M = {}

local walk_out = ffi.new "moon_walk *[1]"

-- From a user-defined node, or one that was short of memory (which may suspend
-- the task in the middle), to the end.
local function walk_on(walk, status)
  local attempt, visited = 0, 0
  while status ~= 0 do
    if status == 1 then
      retry.over()
      user_op.serve(walk)
    else
      local now = C.moon_walk_visited(walk)
      attempt = now == visited and attempt + 1 or 1
      visited = now
      retry.prepare(status, attempt)
    end
    status = C.moon_backward_step(walk)
  end
  retry.over()
end

-- The task whose walk is in Lua's hands. It may start others; those of other
-- tasks wait, because walks share the leaves and must end in turn.
local holder, queue = nil, {}

local function wait_for_holder()
  while holder and holder ~= loop.running and not holder.done do
    queue[#queue + 1] = loop.running
    loop.wait("another backward", queue)
  end
end

local function let_go(before)
  holder = before
  if holder then return end
  local waiting = queue
  queue = {}
  for _, task in ipairs(waiting) do
    if task.object == waiting then loop.wake(task) end
  end
end

-- Runs Lua, which may raise or wait; a task that is dropped meanwhile ends the
-- walk by its finaliser.
local function answer(walk, status)
  local before = holder
  holder = loop.running
  ffi.gc(walk, C.moon_backward_end)
  local ok, e = xpcall(walk_on, context.note, walk, status)
  C.moon_backward_end(ffi.gc(walk, nil))
  let_go(before)
  if not ok then error(e, 0) end
end

--- Enqueues the gradients of everything that `y` was computed from, and adds
--- them to the leaves'.
---@param dy userdata|nil  the gradient of y; needless for one element
function methods.backward(y, dy)
  pace.backward()
  wait_for_holder()
  local recording = recorded.current()
  if recording then recording.backward = true end
  local p = tensor.pointer("backward", "y", y)
  local pdy = dy ~= nil and tensor.pointer("backward", "dy", dy) or nil
  if state.sites then tensor.trace_site() end
  local status = C.moon_backward_begin(live, p, pdy, walk_out)
  if status < 0 then
    retry.call(status, C.moon_backward_begin, live, p, pdy, walk_out)
  end
  if state.grad_scope then table.insert(state.grad_scope.ends, y) end
  local walk = walk_out[0]
  status = C.moon_backward_step(walk)
  if status == 0 then
    C.moon_backward_end(walk)
  else
    answer(walk, status)
  end
end

local function finish_scope(outer, scope, ok, ...)
  state.grad_scope = outer
  if not ok then error((...), 0) end
  for _, task in ipairs(scope.tasks) do
    if not task.done then
      check.fail("grad_scope", "%s has not ended", tostring(task))
    end
  end
  for _, y in ipairs(scope.ends) do wait.tensor(y) end
  wait.idle()
  return ...
end

--- Runs `fn`; returns once every gradient of its backward passes is complete.
--- Raises if a task that it started has not ended.
---@param fn function
---@return any ...  what `fn` returned
function M.grad_scope(fn)
  check.callable("grad_scope", "its argument", fn)
  recorded.refuse("grad_scope", "put it around the captured function")
  local outer, scope = state.grad_scope, { tasks = {}, ends = {} }
  state.grad_scope = scope
  return finish_scope(outer, scope, xpcall(fn, context.note))
end

return M
