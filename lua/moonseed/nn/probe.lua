--- Looking at a module without leaving a trace in it, or in the task.
--
-- A forward in evaluation and without a graph moves no statistics and makes no
-- gradients; training flags and the task's random numbers are put back, also
-- after an error. A layer of your own that writes in evaluation does write.

local check = require "moonseed.check"
local context = require "moonseed.context"
local modes = require "moonseed.nn.modes"
local pace = require "moonseed.pace"

local M = {}

local function keep(words, ok, ...)
  if not ok then
    context.load_generator(words)
    error((...), 0)
  end
  return ...
end

--- Calls fn(...); an error leaves the task's random numbers as they were.
---@param fn function
---@param ... any  for `fn`
---@return any ...  what `fn` returned
function M.or_restore_generator(fn, ...)
  return keep(context.save_generator(), xpcall(fn, context.note, ...))
end

local function back_to(before, ok, ...)
  modes.load(before)
  if not ok then error((...), 0) end
  return ...
end

local function forward(self, x)
  local before = modes.save(self)
  self:eval()
  return back_to(before, xpcall(self.forward, context.note, self, x))
end

--- The output of a module in evaluation, without a graph.
---@param module table
---@param x userdata  what its forward takes
---@return any  what its forward returns
function M.forward(module, x)
  pace.forward()  -- here rather than amid the forward, which others may share
  return context.keep_generator(context.with_grad_mode, 0, forward, module, x)
end

--- Checks a shape, batch first: a list of whole numbers of at least 1.
---@param op string  what the user called
---@param shape any
---@return integer[]  a copy with a batch of 1
function M.single(op, shape)
  check.table(op, "the shape", shape)
  if #shape == 0 then
    check.fail(op, "the shape is a list of extents, batch first")
  end
  local copy = {}
  for i, extent in ipairs(shape) do
    copy[i] = check.count(op, "extent " .. i, extent, 1)
  end
  copy[1] = 1
  return copy
end

return M
