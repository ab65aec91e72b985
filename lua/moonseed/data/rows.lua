--- Rows of a data set's tensors, and random orders of them. Everything here
--- only enqueues.
local check = require "moonseed.check"
local context = require "moonseed.context"
local core = require "moonseed.ffi"
local moon = require "moonseed"
local tensor = require "moonseed.tensor"
local C, ffi = core.C, core.ffi

local M = {}

--- Whether x is images as moon_batch_images takes them.
---@param x userdata a tensor
---@return boolean
function M.is_images(x)
  local dtype = x:dtype()
  return #x:shape() == 4 and (dtype == "f32" or dtype == "u8")
end

--- Rows of the source, given rows of the data set.
---@param self table a data set
---@param index userdata i64 [B], from 0
---@return userdata i64 [B]
function M.of(self, index)
  return self.index and self.index:index_select(1, index) or index
end

--- A data set written down: its origin, and which rows it has.
---@param self userdata a data set
---@return table|nil origin  nil: it cannot be read again
---@return userdata|nil index i64, nil: all rows
function M.describe(self)
  return self.origin, self.index
end

local plain = ffi.new "moon_batch_params"

--- Examples as users see them: images in f32.
---@param self table a data set
---@param index userdata i64 [B], rows of the source
---@param params? userdata moon_batch_params: how to augment images
---@param position? integer the first one's place in the epoch
---@return userdata [B, ...]
function M.x(self, index, params, position)
  local source = self.source_x
  if not M.is_images(source) then return source:index_select(1, index) end
  local x = tensor.call(C.moon_batch_images, source.p, index.p, position or 0,
                        params or plain, tensor.out)
  return tensor.after(x, source, index)
end

--- The targets of the same rows; nil without.
---@param self table a data set
---@param index userdata i64 [B], rows of the source
---@return userdata?
function M.y(self, index)
  return self.source_y and self.source_y:index_select(1, index)
end

--- Runs fn(...) with another generator, stream and no gradients; restores the
--- context, also on error. What it makes is in no moon.tidy scope, because it
--- is handed out later. fn must not wait.
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
