-- How well the loop keeps a 1 ms timer: specs compare with a control run, a
-- bare thread that is busy beside an otherwise idle loop, on the same machine
-- at the same time.

local moon = require "moonseed"
local uv = require "luv"

local M = {}

local function spin(ms)
  local clock = require("luv").hrtime
  local stop = clock() + ms * 1e6
  while clock() < stop do end
end

--- Runs fn beside a 1 ms timer.
---@param fn fun()
---@return table ticks per ms, the longest gap in ms, elapsed ms, count
function M.count(fn)
  local n, longest, last = 0, 0, uv.hrtime()
  local timer = uv.new_timer()
  timer:start(1, 1, function()
    local now = uv.hrtime()
    n, longest, last = n + 1, math.max(longest, now - last), now
  end)
  local start = uv.hrtime()
  local ok, why = pcall(fn)
  local elapsed = (uv.hrtime() - start) / 1e6
  timer:close()
  if not ok then error(why, 0) end
  return { rate = n / elapsed, gap = longest / 1e6, elapsed = elapsed, n = n }
end

--- The control: as many ms, `threads` bare busy threads (1 unless given).
---@param ms number
---@param threads integer?
---@return table as M.count
function M.control(ms, threads)
  local busy = {}
  for i = 1, threads or 1 do busy[i] = uv.new_thread(spin, ms) end
  local counted = M.count(function() moon.sleep(ms) end)
  for _, thread in ipairs(busy) do thread:join() end
  return counted
end

--- Asserts that while fn runs the timer keeps 80% of the control's ticks; the
--- best of `rounds` (3 unless given), for other programs disturb. Inside a
--- task only.
---@param fn fun()
---@param rounds integer?
function M.assert_kept(fn, rounds)
  local best, text = 0, ""
  for _ = 1, rounds or 3 do
    local during = M.count(fn)
    local control = M.control(during.elapsed)
    local share = during.rate / control.rate
    if share > best then
      best = share
      text = ("%d ticks in %.0f ms, the control had %d in %.0f"):format(
        during.n, during.elapsed, control.n, control.elapsed)
    end
    if best >= 0.8 then return end
  end
  error(("the timer kept %.0f%% of its ticks: %s"):format(100 * best, text), 2)
end

return M
