--- What an op needs to know of its caller: device, stream, gradient mode,
-- generator. One per coroutine.
--
-- Ops read the one live context, `M.live`, whose address never changes, so
-- that compiled Lua holds it as a constant. The scheduler swaps its contents:
-- a *fiber* keeps those of a coroutine that does not run.

local core = require "moonseed.ffi"
local check = require "moonseed.check"
local runtime = require "moonseed.runtime"
local C, ffi = core.C, core.ffi

local M = {}

local live = ffi.new "moon_ctx"
local nbytes = ffi.sizeof "moon_ctx"

--- The context that ops are given.
M.live = live

--- What else belongs to the running coroutine, in Lua:
---   tidy        the innermost open moon.tidy, or nil
---   grad_scope  the innermost open moon.grad_scope, or nil
---   anchor      keeps live.task alive
---   isolations  what isolated parts began with, see M.noting
--- and, for all: op, what the user called last (errors of memory name it);
--- sites, whether moon.debug wants the callers' lines.
local state = { sites = false }
M.state = state

---@class Fiber  the context of a coroutine that does not run
---@field ctx userdata    a moon_ctx
---@field task boolean    whether the scheduler runs it, as a task
---@field inside boolean  whether moonseed's coroutine.resume runs it now
---@field waiting boolean whether it waits for the loop meanwhile

--- The fiber of the main chunk.
M.main = { ctx = ffi.new "moon_ctx" }
local current = M.main

-- Fibers by coroutine.
local fibers = setmetatable({}, { __mode = "k" })

--- A fiber that starts with a copy of the live context. `moon.tidy` scopes
--- are inherited only if `tidy`.
---@param tidy boolean
---@return Fiber
function M.fork(tidy)
  return { ctx = ffi.new("moon_ctx", live), anchor = state.anchor,
           tidy = tidy and state.tidy or nil, grad_scope = state.grad_scope,
           isolations = state.isolations }
end

--- Makes `fiber` the live context.
---@param fiber Fiber
function M.enter(fiber)
  current = fiber
  ffi.copy(live, fiber.ctx, nbytes)
  state.anchor = fiber.anchor
  state.tidy = fiber.tidy
  state.grad_scope = fiber.grad_scope
  state.isolations = fiber.isolations
end

--- Keeps the live context in `fiber`.
---@param fiber Fiber
function M.leave(fiber)
  ffi.copy(fiber.ctx, live, nbytes)
  fiber.anchor = state.anchor
  fiber.tidy = state.tidy
  fiber.grad_scope = state.grad_scope
  fiber.isolations = state.isolations
end

--- The fiber whose contents are live.
---@return Fiber
function M.current()
  return current
end

--- The fiber of a coroutine: made with a copy of the live context when first
--- asked for.
---@param co thread
---@return Fiber
function M.generator(co)
  local fiber = fibers[co]
  if not fiber then
    fiber = M.fork(true)
    fibers[co] = fiber
  end
  return fiber
end

--- Gives a task's coroutine its fiber.
---@param co thread
---@param fiber Fiber
function M.adopt(co, fiber)
  fiber.task = true
  fibers[co] = fiber
end

--- Whether a wait inside `co` can be passed on to the task: it runs, and
--- moonseed's coroutine.resume runs it.
---@param co thread
---@return boolean
function M.managed(co)
  local fiber = fibers[co]
  return fiber ~= nil and fiber.inside == true
end

-- Traceback of the last error that passed a scope or ended a task. Scopes
-- raise errors again as they are, which would lose where they came from.
local noted_error, noted_trace

--- Message handler that remembers the traceback of `e` and changes nothing.
---@param e any  an error
---@return any   the same
function M.note(e)
  if not (noted_trace and rawequal(noted_error, e)) then
    noted_error, noted_trace = e, debug.traceback("", 2):sub(2)
  end
  return e
end

--- Where the error `e` came from, as far as known.
---@param e any
---@return string|nil
function M.trace_of(e)
  if rawequal(noted_error, e) then return noted_trace end
end

--- Notes a traceback taken elsewhere (of a task that has ended).
---@param e any  the error
---@param trace string|nil  nil: nothing to note
function M.note_trace(e, trace)
  if trace then noted_error, noted_trace = e, trace end
end

local function restore_stream(stream, device, ok, ...)
  live.stream, live.device = stream, device
  if not ok then error((...), 0) end
  return ...
end

--- Runs `fn(...)` with another stream and device; restores them, also on error.
---@param number integer   the core's number of the stream
---@param device integer
---@param fn function
---@param ... any          for `fn`
---@return any ...  what `fn` returned
function M.with_stream(number, device, fn, ...)
  local old_stream, old_device = live.stream, live.device
  live.stream, live.device = number, device
  return restore_stream(old_stream, old_device, xpcall(fn, M.note, ...))
end

local function restore_grad_mode(mode, ok, ...)
  live.grad_mode = mode
  if not ok then error((...), 0) end
  return ...
end

--- Runs `fn(...)` with gradient recording on or off; restores it.
---@param mode integer  1: record
---@param fn function
---@param ... any       for `fn`
---@return any ...  what `fn` returned
function M.with_grad_mode(mode, fn, ...)
  local old = live.grad_mode
  live.grad_mode = mode
  return restore_grad_mode(old, xpcall(fn, M.note, ...))
end

-- A generator's state: seed, key, 0, draws, children.
local words = ffi.typeof "uint64_t[5]"

--- A generator that starts at `rng_seed`, for `isolated`.
---@param rng_seed integer
---@return userdata  uint64_t[5]
function M.generator_state(rng_seed)
  local before, state_of = M.save_generator(), words()
  local task = C.moon_task_new(live.rt, live.task)
  C.moon_task_seed(task, rng_seed)
  C.moon_task_generator(task, state_of, 0)
  C.moon_task_end(task)
  C.moon_task_release(task)
  M.load_generator(before)
  return state_of
end

---@param state_of userdata  uint64_t[5]
---@return userdata  another
function M.copy_generator(state_of) return words(state_of) end

--- Where the current task's random numbers are.
---@return userdata  uint64_t[5]
function M.save_generator()
  local state_of = words()
  C.moon_task_generator(live.task, state_of, 0)
  return state_of
end

--- A generator's state as ten numbers below 2^32, which any file can hold.
---@param state_of userdata  uint64_t[5]
---@return number[]
function M.generator_numbers(state_of)
  local list = {}
  for i = 0, 4 do
    list[2 * i + 1] = tonumber(state_of[i] / 2ULL ^ 32)
    list[2 * i + 2] = tonumber(state_of[i] % 2ULL ^ 32)
  end
  return list
end

---@param list number[]  as generator_numbers gave it
---@return userdata  uint64_t[5]
function M.generator_of_numbers(list)
  local state_of = words()
  for i = 0, 4 do
    state_of[i] = ffi.cast("uint64_t", list[2 * i + 1]) * 2ULL ^ 32
      + ffi.cast("uint64_t", list[2 * i + 2])
  end
  return state_of
end

---@param state_of userdata  as save_generator gave it
function M.load_generator(state_of)
  C.moon_task_generator(live.task, state_of, 1)
end

local function restore_generator(state_of, ok, ...)
  M.load_generator(state_of)
  if not ok then error((...), 0) end
  return ...
end

--- Runs `fn(...)`; the task's random numbers go on as if it had not.
---@param fn function
---@param ... any  for `fn`
---@return any ...  what `fn` returned
function M.keep_generator(fn, ...)
  return restore_generator(M.save_generator(), xpcall(fn, M.note, ...))
end

-- --- a part that is computed again -----------------------------------------

local function leave_notes(outer, again, ok, ...)
  state.isolations, live.again = outer, again
  if not ok then error((...), 0) end
  return ...
end

local function with_notes(notes, again, fn, ...)
  local before, outer = live.again, state.isolations
  state.isolations, live.again = notes, again
  return leave_notes(outer, before, xpcall(fn, M.note, ...))
end

--- Runs `fn(...)`, noting where the generators of isolated parts are.
---@param notes table  empty
---@param fn function
---@param ... any      for `fn`
---@return any ...  what `fn` returned
function M.noting(notes, fn, ...)
  notes.outer = state.isolations
  return with_notes(notes, live.again, fn, ...)
end

--- Runs `fn(...)` once more, for the same values: with the same random numbers
--- in isolated parts, whose generators stay as they are, and running statistics
--- do not move again.
---@param notes table  of M.noting
---@param fn function
---@param ... any      for `fn`
---@return any ...  what `fn` returned
function M.again(notes, fn, ...)
  return with_notes({ noted = notes, used = {}, outer = state.isolations }, 1,
                    fn, ...)
end

-- The generator to isolate with: the one given, or, computed again, a copy of
-- what it was then.
local function generator_for(notes, generator)
  if not notes then return generator end
  local list = (notes.noted or notes)[generator]
  if notes.noted then
    local n = (notes.used[generator] or 0) + 1
    notes.used[generator] = n
    return words(list and list[n] or generator)
  end
  local actual = generator_for(notes.outer, generator)
  list = list or {}
  list[#list + 1] = words(actual)
  notes[generator] = list
  return actual
end

--- Generators that recordings (moonseed.capture) move, by the core's number.
M.moved = {}

-- What a recording is to know of a generator: of what is computed again, none.
local function words_of(generator)
  return not (state.isolations and state.isolations.noted) and generator or nil
end

local function note_part(task, generator)
  local id = tonumber(C.moon_record_task(live, task, words_of(generator)))
  if id > 0 then M.moved[id] = { generator, M.moved[id] } end
end

local function leave_isolation(outer, anchor, generator, ok, ...)
  C.moon_record_leave(live, words_of(generator))
  C.moon_task_generator(live.task, generator, 0)
  C.moon_task_end(live.task)
  live.task, state.anchor = outer, anchor
  if not ok then error((...), 0) end
  return ...
end

--- Runs `fn(...)` as a part of the program that the rest does not notice: with
--- a generator of its own, which moves on, and with errors of in-place ops
--- that stay there. What is submitted has its place in program order.
---@param generator userdata  uint64_t[5]
---@param fn function
---@param ... any             for `fn`
---@return any ...  what `fn` returned
function M.isolated(generator, fn, ...)
  generator = generator_for(state.isolations, generator)
  local outer, anchor, before = live.task, state.anchor, M.save_generator()
  local task = ffi.gc(C.moon_task_new(live.rt, outer), C.moon_task_release)
  M.load_generator(before)
  C.moon_task_isolate(task)
  C.moon_task_generator(task, generator, 1)
  note_part(task, generator)
  live.task, state.anchor = task, task
  return leave_isolation(outer, anchor, generator,
                         xpcall(fn, M.note, ...))
end

--- Runs `fn` without recording a graph.
---@param fn function
---@return any ...  what `fn` returned
function M.no_grad(fn)
  check.callable("no_grad", "its argument", fn)
  return M.with_grad_mode(0, fn)
end

--- The current device: where creators put tensors.
---@return string  "cpu", "cuda:0", ...
function M.device()
  return ffi.string(C.moon_device_name(live.rt, live.device))
end

--- Makes `name` the current task's device; later tasks inherit it.
---@param name string
function M.set_device(name)
  check.text("set_device", "the device", name)
  local device = check.status(C.moon_device_find(live.rt, name))
  live.stream = check.status(C.moon_stream_default(live.rt, device))
  live.device = device
end

--- The device's number; the current device without a name.
---@param name string|nil
---@return integer
function M.find_device(name)
  if name == nil then return live.device end
  check.text("device", "the device", name)
  return check.status(C.moon_device_find(live.rt, name))
end

--- Starts the current task's random numbers at `rng_seed`.
---@param rng_seed integer
function M.manual_seed(rng_seed)
  check.count("manual_seed", "the seed", rng_seed)
  C.moon_task_seed(live.task, rng_seed)
end

--- Gives the main chunk its context. Called once, by init.lua.
function M.open()
  live.rt = runtime.handle
  live.grad_mode = 1
  state.anchor = ffi.gc(C.moon_task_new(live.rt, nil), C.moon_task_release)
  live.task = state.anchor
  local wanted = os.getenv "MOONSEED_DEVICE"
  if not wanted or wanted == "" then
    local found = C.moon_device_find(live.rt, "cuda:0") >= 0
    wanted = found and "cuda:0" or "cpu"
  end
  if C.moon_device_find(live.rt, wanted) < 0 then
    error(("MOONSEED_DEVICE is %s: %s"):format(
      wanted, (ffi.string(C.moon_last_error()):gsub("^device: ", ""))), 0)
  end
  M.set_device(wanted)
end

return M
