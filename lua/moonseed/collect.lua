--- The net under the collector, which does not see the bytes of tensors: new
-- bytes drive it.
--
-- Looked at when a step or batch ends (moonseed.pace) and after every so many
-- new tensors.

local runtime = require "moonseed.runtime"

local M = {}

local LEAST = 64 * 2 ^ 20  -- bytes of new tensors worth a collection
local SMALL_HEAP = 8192    -- KiB of Lua heap that is collected at once
local STEP = 1024          -- else in steps of this size (collectgarbage "step")

local collected = 0        -- bytes ever allocated at the last collection
local sweeping = false     -- a collection in steps is under way

-- How many new bytes are worth a collection. Near the limit, fewer: what fails
-- inside a backward cannot be tried again.
local function enough(live, limit)
  return math.min(math.max(LEAST, live / 2),
                  math.max(limit - live, limit / 16))
end

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

--- Collects, or takes a step, if enough was allocated since the last time.
function M.look()
  local allocated, live, limit = release()
  if not sweeping then
    if allocated - collected < enough(live, limit) then return end
    if collectgarbage "count" < SMALL_HEAP then
      collectgarbage()
      collected = allocated
      return
    end
    sweeping = true
  end
  if collectgarbage("step", STEP) then
    sweeping = false
    collected = allocated
  end
end

return M
