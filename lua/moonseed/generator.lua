--- The users' own coroutines: an await inside one passes through to the task,
-- and each has a context of its own, a copy of its creator's.
--
-- `coroutine.create`, `wrap` and `resume` are replaced. What a generator
-- yields to its user is untouched; only the loop's AWAIT goes further out.

local context = require "moonseed.context"
local loop = require "moonseed.loop"

local raw_create, raw_resume = coroutine.create, coroutine.resume
local AWAIT = loop.AWAIT

local M = {}

--- As coroutine.create; the coroutine inherits a copy of the context.
---@param fn function
---@return thread
function M.create(fn)
  local co = raw_create(fn)
  context.generator(co)
  return co
end

local function passed(co, fiber, outer, ok, first, ...)
  fiber.inside = false
  context.leave(fiber)
  context.enter(outer)
  if ok and first == AWAIT then
    fiber.waiting = true
    local held, e = pcall(loop.hold)
    fiber.waiting = false
    if not held then error(e, 0) end
    return M.resume(co)
  end
  return ok, first, ...
end

--- As coroutine.resume, in the coroutine's own context.
---@param co thread
---@param ... any  for its function, or what its yield returns
---@return boolean, any ...
function M.resume(co, ...)
  local fiber = context.generator(co)
  if fiber.task then return false, "cannot resume a task's coroutine" end
  if fiber.waiting then  -- another task has resumed it, and waits inside
    return false, "cannot resume a coroutine that waits in another task"
  end
  if fiber.inside then return raw_resume(co, ...) end  -- Lua's own error
  local outer = context.current()
  context.leave(outer)
  context.enter(fiber)
  fiber.inside = true
  return passed(co, fiber, outer, raw_resume(co, ...))
end

local function unwrap(co, ok, ...)
  if not ok then
    local e = ...
    context.note_trace(e, debug.traceback(co))
    error(e, 0)
  end
  return ...
end

--- As coroutine.wrap, on M.create and M.resume.
---@param fn function
---@return function
function M.wrap(fn)
  local co = M.create(fn)
  return function(...) return unwrap(co, M.resume(co, ...)) end
end

--- Puts these in the place of Lua's.
function M.install()
  coroutine.create, coroutine.resume = M.create, M.resume
  coroutine.wrap = M.wrap
end

return M
