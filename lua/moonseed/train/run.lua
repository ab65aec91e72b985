--- A run: training that goes on in a task of its own, and what one may do to it
--- from outside. fit.lua makes them.
---
---   run:await()       to the end; raises what ended it
---   run:pause()       at the next step boundary;  run:resume()
---   run:checkpoint()  suspends until the file is there
---   run:cancel()
---   run.metrics       numbers, readable at any time: step, epoch, loss, ...
---   run.series        curves by name: { steps = {}, values = {} }
---   run.state         "running", "paused", "done", "failed", "cancelled"

local check = require "moonseed.check"
local loop = require "moonseed.loop"

local Run = {}
Run.__index = Run

function Run:__tostring()
  return ("run %s, %s, step %d"):format(self.name, self.state,
                                        self.metrics.step)
end

--- Waits for the end.
---@return table self
function Run:await()
  self.task:await()
  return self
end

--- Pauses before the next step.
---@return table self
function Run:pause()
  if self.state == "running" then self.wants_pause = true end
  return self
end

--- Goes on after a pause.
---@return table self
function Run:resume()
  self.wants_pause = false
  local waiting = self.resting
  if waiting then loop.wake(waiting) end
  return self
end

--- Ends it; what was trained stays in the model.
---@return table self
function Run:cancel()
  self.task:cancel()
  return self
end

--- A checkpoint of the state at the next step boundary.
---@return string path
function Run:checkpoint()
  if not self.out then
    check.fail("checkpoint", "%s has no folder; give fit out = path",
               self.name)
  end
  local request = { waiter = loop.running }
  table.insert(self.requests, request)
  while not (request.path or request.error or self.task.done) do
    loop.wait("a checkpoint", request)
  end
  if request.error then error(request.error, 0) end
  if not request.path then
    check.fail("checkpoint", "%s ended before it", tostring(self))
  end
  return request.path
end

--- Holds the run while a pause is wanted. For the training task.
function Run:rest()
  if not self.wants_pause then return end
  self.state, self.resting = "paused", loop.running
  self:tell("paused", { step = self.metrics.step })
  while self.wants_pause do loop.wait("run:resume()", self) end
  self.state, self.resting = "running", nil
  self.clock:start()
  self:tell("resumed", { step = self.metrics.step })
end

--- Notes an event: into the record, and to whoever listens.
---@param kind string
---@param fields table
function Run:tell(kind, fields)
  if self.record then self.record:event(kind, fields) end
  if self.on_event then self.on_event(kind, fields) end
end

return Run
