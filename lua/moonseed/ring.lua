--- Tickets: what tasks wait for in the core, and how they hear of it.
--
-- A wait hands a number to the core, which puts it on its completion ring when
-- the thing is complete. A task waits for one thing at a time, so its ticket is
-- a field of the task.

local core = require "moonseed.ffi"
local runtime = require "moonseed.runtime"
local C = core.C

local M = {}

local AT_ONCE = 256  -- tickets taken from the core
local MAX_SPIN_NS, MIN_SPIN_NS = 50e3, 3e3

--- How many tickets are due.
M.n_due = 0

local waiting, last = {}, 0
local buffer = core.array("double[?]", AT_ONCE)
local fresh, spin_ns = false, MAX_SPIN_NS

--- A number for the core to hand back.
---@return number
function M.ticket()
  last = last + 1
  return last
end

--- The core has been given `ticket` for what `task` waits for.
---@param task table
---@param ticket number  from M.ticket
function M.expect(task, ticket)
  task.ticket = ticket
  waiting[ticket] = task
  M.n_due = M.n_due + 1
  fresh = true
end

--- The task does not wait for its ticket any more.
---@param task table
function M.forget(task)
  local ticket = task.ticket
  if ticket and waiting[ticket] then
    waiting[ticket] = nil
    M.n_due = M.n_due - 1
  end
  task.ticket = nil
end

--- Takes what is on the ring and calls `wake(task)` for each.
---@param wake fun(task: table)
---@param for_ns number|nil  looks that long for a first one
---@return integer  how many tickets there were
function M.drain(wake, for_ns)
  local n = C.moon_completion_drain(runtime.handle, buffer, AT_ONCE,
                                    for_ns or 0)
  for i = 0, n - 1 do
    local task = waiting[buffer[i]]
    if task then
      M.forget(task)
      wake(task)
    end
  end
  return n
end

--- A short look at the ring before the loop sleeps, once per batch of new
--- waits: what is nearly complete costs no wake-up of this thread. Shorter and
--- shorter while it finds nothing.
---@param wake fun(task: table)
function M.look(wake)
  if not fresh then return end
  fresh = false
  if M.drain(wake, spin_ns) > 0 then
    spin_ns = MAX_SPIN_NS
  else
    spin_ns = math.max(MIN_SPIN_NS, spin_ns / 2)
  end
end

return M
