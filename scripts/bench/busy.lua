--- The control of loop.lua: a 1 ms timer beside threads that only count.
--
--   luajit busy.lua THREADS

package.path = "scripts/bench/?.lua;" .. package.path
local timer = require "timer"
local uv = require "luv"

local MS = 500

local function count(ms)
  local clock = require("luv").hrtime
  local stop = clock() + ms * 1e6
  while clock() < stop do end
end

local function measure()
  local busy = {}
  for i = 1, tonumber(arg[1]) do busy[i] = uv.new_thread(count, MS) end
  local stop, over = timer.start(), uv.new_timer()
  over:start(MS, 0, function() uv.stop() end)
  uv.run()
  local share, gap = stop()
  over:close()
  for _, thread in ipairs(busy) do thread:join() end
  uv.run "nowait"  -- closed handles are let go
  return share, gap
end

print(("ready %s threads that only count"):format(arg[1]))
io.flush()
for _ in io.lines() do
  local share, gap = measure()
  local parts = {}
  for _, name in ipairs(timer.workloads) do
    parts[#parts + 1] = ("%s:ticks_share=%.4f %s:gap_p99.9_ms=%.3f"):format(
      name, share, name, gap)
  end
  print(table.concat(parts, " "))
  io.flush()
end
