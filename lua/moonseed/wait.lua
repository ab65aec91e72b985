--- Waiting for values: suspends the task, or runs the loop from the main
-- chunk, or, where Lua cannot yield, blocks and is counted.
--
-- After every wait the task's own pending error (of an in-place op) is raised.

local core = require "moonseed.ffi"
local check = require "moonseed.check"
local collect = require "moonseed.collect"
local context = require "moonseed.context"
local loop = require "moonseed.loop"
local recorded = require "moonseed.recorded"
local ring = require "moonseed.ring"
local C, uv = core.C, core.uv

local live = context.live

local M = {}

loop.blockers["a tensor"] = function(t) C.moon_tensor_wait(live, t.p) end
loop.blockers["an event"] = function(e) C.moon_event_wait(live, e) end
loop.blockers["a file"] = function(job)
  while C.moon_job_status(job) == C.MOON_E_BUSY do uv.sleep(1) end
end

local function raise_pending()
  check.status(C.moon_task_take_error(live.task))
end

-- A value that was there already: still a place to give way.
local function glance(kind)
  loop.refuse_callback(kind)
  if loop.overdue() or loop.running.stopped ~= nil then loop.yield() end
end

--- Waits until the tensor is complete; raises nothing of what it carries.
---@param t userdata  a moon_handle
function M.settled(t)
  local ticket = ring.ticket()
  local s = check.status(C.moon_tensor_watch(live, t.p, ticket))
  if s == 1 then
    glance("a tensor")
    return
  end
  repeat
    loop.wait("a tensor", t, ticket)
    ticket = ring.ticket()
  until check.status(C.moon_tensor_watch(live, t.p, ticket)) == 1
end

--- Waits until the tensor is complete; raises the error it carries.
---@param t userdata  a moon_handle
function M.tensor(t)
  recorded.refuse_read(context.state.op or "await")
  M.settled(t)
  collect.at_step()
  check.status(C.moon_tensor_error(t.p))
  raise_pending()
end

local function wait_quietly(e)
  local ticket = ring.ticket()
  if check.status(C.moon_event_watch(live, e, ticket)) == 0 then
    loop.wait("an event", e, ticket)
  end
end

--- Waits until everything submitted to the event's stream before it is done.
---@param e userdata  a moon_event
function M.event(e)
  glance "an event"
  wait_quietly(e)
  raise_pending()
end

--- As M.event, for users, who cannot wait in what is recorded.
---@param op string    what they called
---@param e userdata  a moon_event
function M.users_event(op, e)
  recorded.refuse(op, "wait for it outside")
  M.event(e)
end

--- Waits until what was submitted so far is done, on all streams; raises no
--- error of an op.
function M.settle()
  loop.refuse_callback "all streams"
  for stream = 0, C.MOON_MAX_STREAMS - 1 do
    if C.moon_stream_device(live.rt, stream) < 0 then break end
    wait_quietly(C.moon_stream_event(live.rt, stream))
  end
end

--- Waits until what was submitted so far is done, on all streams.
function M.idle()
  recorded.refuse("synchronize", "wait outside")
  M.settle()
  raise_pending()
end

--- Waits until the file job of this ticket is done.
---@param job userdata   a moon_job
---@param ticket number  given to moon_file_read
function M.job(job, ticket)
  recorded.refuse("load", "read the file outside")
  if C.moon_job_status(job) == C.MOON_E_BUSY then
    loop.wait("a file", job, ticket)
  end
end

return M
