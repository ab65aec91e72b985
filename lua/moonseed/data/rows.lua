--- Which examples, and random numbers for them. A *pick* says which rows of a
--- source (or which examples of a data set) are meant, from 0: as a tensor, i64
--- [B], as a list, or both: { tensor =, list = }. Kernels want tensors; sources
--- that are told row by row in Lua want lists.
local check = require "moonseed.check"
local context = require "moonseed.context"
local core = require "moonseed.ffi"
local moon = require "moonseed"
local C, ffi = core.C, core.ffi

local M = {}

-- --- picks -----------------------------------------------------------------

--- The first n, in order.
---@param n integer
---@return table pick
function M.all(n)
  return { tensor = moon.arange(0, n, { dtype = "i64" }) }
end

---@param pick table
---@return userdata i64 [B]
function M.tensor(pick)
  if not pick.tensor then
    pick.tensor = moon.tensor(pick.list, { dtype = "i64" })
  end
  return pick.tensor
end

--- The same where t is: data stay on their device, whatever the current one.
---@param pick table
---@param t userdata
---@return userdata i64 [B]
function M.beside(pick, t) return M.tensor(pick):to(t:device()) end

--- Waits where the pick is a tensor alone.
---@param pick table
---@return integer[]
function M.list(pick)
  if not pick.list then pick.list = pick.tensor:totable() end
  return pick.list
end

---@param pick table
---@return integer
function M.count(pick)
  return pick.list and #pick.list or pick.tensor:size(1)
end

--- `length` of a pick, from the one at `start` on, counted from 0.
---@param pick table
---@param start integer
---@param length integer
---@return table pick
function M.slice(pick, start, length)
  local part = {}
  if pick.tensor then part.tensor = pick.tensor:narrow(1, start + 1, length) end
  if pick.list then
    part.list = {}
    for i = 1, length do part.list[i] = pick.list[start + i] end
  end
  return part
end

--- Rows of the source, given examples of the data set. Waits only where the
--- source wants lists.
---@param self userdata a data set
---@param pick table
---@return table pick
function M.of(self, pick)
  local index = self.index
  if not index then return pick end
  if not self.source.on_host then
    return { tensor = index:index_select(1, M.beside(pick, index)) }
  end
  self.kept.list = self.kept.list or index:totable()
  local list = {}
  for i, at in ipairs(M.list(pick)) do list[i] = self.kept.list[at + 1] end
  return { list = list }
end

-- --- examples --------------------------------------------------------------

--- Examples as users see them: images in f32.
---@param self userdata a data set
---@param pick table    examples of it
---@param vary? table   how images are varied: see images.lua
---@return userdata x [B, ...]
---@return userdata? y
function M.read(self, pick, vary)
  return self.source:read(M.of(self, pick), vary)
end

--- The targets alone; nil without.
---@param self userdata a data set
---@param pick table    examples of it
---@return userdata?
function M.targets(self, pick)
  return self.source:targets(M.of(self, pick))
end

--- A data set written down: its origin, and which rows it has.
---@param self userdata a data set
---@return table|nil origin  nil: it cannot be read again
---@return userdata|nil index i64, nil: all rows
function M.describe(self)
  return self.origin, self.index
end

-- --- random numbers, streams -----------------------------------------------

--- Runs fn(...) with another generator, stream and no gradients; restores the
--- context, also on error. What it makes is in no moon.tidy scope, because it
--- is handed out later.
---@param task userdata moon_task of the random numbers
---@param stream integer?
---@param fn function
---@param ... any for fn
---@return any what fn returned
function M.apart(task, stream, fn, ...)
  local live, state = context.live, context.state
  local old_task, old_stream, old_mode = live.task, live.stream, live.grad_mode
  local old_tidy = state.tidy
  live.task, live.stream, live.grad_mode = task, stream or old_stream, 0
  state.tidy = nil
  local ok, result = pcall(fn, ...)
  live.task, live.stream, live.grad_mode = old_task, old_stream, old_mode
  state.tidy = old_tidy
  if not ok then error(result, 0) end
  return result
end

-- Generators are tasks that have ended: none of the program's, which running
-- statistics would wait for (core/op/running.c).

--- A generator that depends on two numbers alone.
---@param rng_seed integer
---@param epoch integer
---@return userdata moon_task
function M.generator(rng_seed, epoch)
  local task = ffi.gc(C.moon_task_new(context.live.rt, nil),
                      C.moon_task_release)
  C.moon_task_end(task)
  C.moon_task_seed(task, 0x9E3779B97F4A7C15ULL * epoch
                         + ffi.cast("uint64_t", rng_seed))
  return task
end

--- A fresh generator of the running task: another one at every call.
---@return userdata moon_task
function M.fresh_generator()
  local live = context.live
  local task = ffi.gc(C.moon_task_new(live.rt, live.task),
                      C.moon_task_release)
  C.moon_task_end(task)
  return task
end

--- A 64-bit number of a generator, for a kernel's own random numbers. It is
--- not among those that the generator's draws use.
---@param task userdata moon_task
---@return userdata uint64_t
function M.key(task)
  local words = ffi.new "uint64_t[5]"
  C.moon_task_generator(task, words, 0)
  return words[1] * 0xD1342543DE82EF95ULL + 1
end

--- A random order of n rows that depends on the seed alone.
---@param n integer
---@param rng_seed integer
---@return userdata i64 [n]
function M.permutation(n, rng_seed)
  return M.apart(M.generator(rng_seed, 0), nil, moon.randperm, n)
end

local streams = {}  -- by device: one for all data sets, leased once

--- The stream that batches are assembled on.
---@return integer
function M.stream()
  local live = context.live
  local device = tonumber(live.device)
  if not streams[device] then
    streams[device] = check.status(C.moon_stream_lease(live.rt, device))
  end
  return streams[device]
end

return M
