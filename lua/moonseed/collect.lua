--- The net under the collector, which does not see what tensors cost: new
-- bytes and new tensors drive it.
--
-- Looked at where a step, a batch or a read is (moonseed.pace, moonseed.wait):
-- always at the same places of a loop, so that each turn of it finds the memory
-- that the last one left. And, in case a program has no such places, after
-- every so many new tensors, or some more bytes.
--
-- A collection costs 0.3 to 0.5 ms per MiB of Lua heap, so that a larger heap
-- waits for more memory before it is worth one. A small heap is collected at
-- once, up to some ms: the same garbage is found each time. A large one is
-- collected in steps of 1 to 2 ms; tensors made meanwhile outlive it.

local core = require "moonseed.ffi"
local runtime = require "moonseed.runtime"

local C, band = core.C, bit.band

local M = {}

local LEAST = 64 * 2 ^ 20  -- bytes of new tensors worth a collection
local FEW, MANY = 512, 4096  -- tensors worth one: at such places, elsewhere
local PER_KIB = 16 * 1024  -- bytes worth one, per KiB of Lua heap,
local MOST = 2 * LEAST     -- at the most,
local PER_TENSOR = 4       -- KiB of Lua heap per tensor worth one,
local ENOUGH = 2048        -- tensors at the most
local LOOK = 256           -- new tensors between two looks elsewhere,
local LOOK_SOON = 32       -- between two steps (both powers of two)
local SMALL_HEAP = 8192    -- KiB of Lua heap that is collected at once
local STEP = 512           -- else in steps of this size (collectgarbage "step")

local heap = nil           -- KiB of Lua heap after the last collection
local collected = 0        -- bytes ever allocated at the last collection
local due = 2 * LEAST      -- bytes ever allocated: to be looked at anywhere
local made = 0             -- tensors made since
local sweeping = false     -- a collection in steps is under way
local pace = LOOK          -- new tensors until the next look elsewhere

local releasers = {}

--- Calls `fn` after released tensors were freed: for what Lua holds for them.
---@param fn function
function M.at_release(fn)
  releasers[#releasers + 1] = fn
end

-- The core's counts, once it has freed what was released.
local function release()
  local allocated, live, limit = runtime.bytes()
  for _, fn in ipairs(releasers) do fn() end
  return allocated, live, limit
end

--- Frees what the collector has released.
function M.release() release() end

-- How many new bytes are worth a collection. Near the limit, fewer: a call that
-- fails there costs two collections, and a worker cannot collect at all.
local function enough(live, limit)
  return math.min(math.max(LEAST, live / 2, math.min(heap * PER_KIB, MOST)),
                  math.max(limit - live, limit / 16))
end

-- Collects, or takes a step, if enough was allocated since the last time.
local function look(tensors)
  local allocated, live, limit = release()
  heap = heap or collectgarbage "count"
  if not sweeping then
    local bytes = enough(live, limit)
    due = math.max(allocated, collected + bytes) + LEAST
    tensors = math.max(tensors, math.min(heap / PER_TENSOR, ENOUGH))
    if made < tensors and allocated - collected < bytes then return end
    sweeping = heap >= SMALL_HEAP
  end
  if sweeping then
    due = allocated + LEAST / 64  -- a step each, not with every tensor
    sweeping = not collectgarbage("step", STEP)
  else
    collectgarbage()
  end
  pace = sweeping and LOOK_SOON or LOOK
  if not sweeping then
    heap, collected, made = collectgarbage "count", allocated, 0
  end
end

--- At the end of a step or batch, at a read.
function M.at_step() look(FEW) end

--- A tensor was made.
function M.count()
  made = made + 1
  if band(made, pace - 1) == 0 or C.moon_allocated(runtime.handle) > due then
    look(MANY)
  end
end

return M
