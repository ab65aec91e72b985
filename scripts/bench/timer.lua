--- A 1 ms timer and how well it is kept.

local uv = require "luv"

local M = {}

-- The gap that 99.9% of them stay below.
local function high(gaps)
  table.sort(gaps)
  return gaps[math.max(1, math.ceil(#gaps * 0.999))]
end

--- Starts ticking; returns a function that stops.
---@return fun(): number, number, number  stop: the share of the ticks there
---    should have been, the gaps' p99.9 and their largest in ms
function M.start()
  uv.update_time()  -- the loop's clock stands while nothing runs it
  local gaps, last = {}, uv.hrtime()
  local begin = last
  local timer = uv.new_timer()
  timer:start(1, 1, function()
    local now = uv.hrtime()
    gaps[#gaps + 1] = (now - last) / 1e6
    last = now
  end)
  return function()
    timer:close()
    local elapsed = (uv.hrtime() - begin) / 1e6
    gaps[#gaps + 1] = (uv.hrtime() - last) / 1e6
    local share, most = (#gaps - 1) / elapsed, high(gaps)
    return share, most, gaps[#gaps]  -- sorted by now
  end
end

--- What the timer is measured beside, in order.
M.workloads = { "convolution", "backward", "training", "batches", "data_set",
                "saving" }

return M
