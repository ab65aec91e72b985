--- A run: training that goes on in a task of its own, and what one may do to it
--- from outside. fit.lua makes them.
---
---   run:await()       to the end; raises what ended it
---   run:pause()       at the next step boundary;  run:resume()
---   run:checkpoint()  suspends until the file is there; during a pause, too
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
  if not self.task.done then self.wants_pause = true end
  return self
end

-- What it rests for may have changed. It may be busy with a checkpoint instead.
local function rouse(self)
  local waiting = self.resting
  if waiting and waiting.object == self then loop.wake(waiting) end
end

--- Goes on after a pause.
---@return table self
function Run:resume()
  self.wants_pause = false
  rouse(self)
  return self
end

--- Ends it; what was trained stays in the model.
---@return table self
function Run:cancel()
  self.task:cancel()
  if not self.begun then self.state = "cancelled" end
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
  rouse(self)
  while not (request.path or request.error or self.task.done) do
    loop.wait("a checkpoint", request)
  end
  if request.error then error(request.error, 0) end
  if not request.path then
    check.fail("checkpoint", "%s: it ended before", tostring(self))
  end
  return request.path
end

--- Holds the run while a pause is wanted. For the training task.
---@param serve fun(run: table)  writes what checkpoints are asked for meanwhile
function Run:rest(serve)
  if not self.wants_pause then return end
  self.state, self.resting = "paused", loop.running
  self:tell("paused", { step = self.metrics.step })
  while self.wants_pause do
    serve(self)
    if self.wants_pause then loop.wait("run:resume()", self) end
  end
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
