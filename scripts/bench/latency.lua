--- How late a task hears of a GPU's ends, and how the loop lives on beside a
-- GPU that is busy.
--
--   moonseed latency.lua THREADS SAMPLES SIZE LARGE SECONDS
--
-- SIZE, LARGE: of square matrices whose products are a short and a long kernel.
-- With MOONSEED_GPU_NOTIFY=host the driver calls, else a thread waits.
--
-- wake: from the end of the last of four kernels to the task that goes on, as
-- what these take beyond four times a kernel's share of a long row; the first
-- launch is in it. trip: submit an 8x8 addition and await it.

local moon = require "moonseed"
local rounds = require "rounds"
local timer = require "timer"
local uv = require "luv"

local KERNELS, LONG_ROW = 4, 100

moon.set_threads(tonumber(arg[1]))
local samples, seconds = tonumber(arg[2]), tonumber(arg[5])

local function matrix(size) return moon.randn(size, size) / size ^ 0.5 end
local short = { matrix(tonumber(arg[3])), matrix(tonumber(arg[3])) }
local long = { matrix(tonumber(arg[4])), matrix(tonumber(arg[4])) }
local a, b = moon.randn(8, 8), moon.randn(8, 8)

-- Queues products; the last.
local function products(pair, count)
  local y
  for _ = 1, count do
    if y then y:dispose() end
    y = pair[1]:matmul(pair[2])
  end
  return y
end

-- Milliseconds until the last of them was awaited.
local function awaited(pair, count)
  moon.synchronize()
  local begin = rounds.ms()
  local y = products(pair, count)
  y:await()
  local took = rounds.ms() - begin
  y:dispose()
  return took
end

-- A kernel's share of a long row.
local function share(pair, count)
  local times = {}
  for i = 1, 5 do
    times[i] = (awaited(pair, KERNELS + count) - awaited(pair, KERNELS)) / count
  end
  return rounds.median(times)
end

local function quantiles(report, name, times)
  table.sort(times)
  report(name .. "_p50_us", times[math.ceil(#times * 0.5)] * 1e3)
  report(name .. "_p99_us", times[math.ceil(#times * 0.99)] * 1e3)
end

local function wakes(report)
  local kernel, times = share(short, LONG_ROW), {}
  for i = 1, samples do
    times[i] = awaited(short, KERNELS) - KERNELS * kernel
  end
  report("wake:kernel_us", kernel * 1e3)
  quantiles(report, "wake:resumed", times)
end

local function trips(report)
  local times = {}
  for i = 1, samples do
    moon.synchronize()
    local begin = rounds.ms()
    local y = a + b
    y:await()
    times[i] = rounds.ms() - begin
    y:dispose()
  end
  quantiles(report, "trip:resumed", times)
end

local function cpu_seconds()
  local used = uv.getrusage()
  return used.utime.sec + used.stime.sec
    + (used.utime.usec + used.stime.usec) / 1e6
end

local function live(report)
  local kernel = share(long, 4)
  moon.synchronize()
  local y = products(long, math.ceil(seconds * 1e3 / kernel))
  local stop, begin, cpu = timer.start(), rounds.ms(), cpu_seconds()
  y:await()
  local took, used = (rounds.ms() - begin) / 1e3, cpu_seconds() - cpu
  local ticks, high, most = stop()
  y:dispose()
  report("busy:seconds", took)
  report("busy:cpu_percent", 100 * used / took)
  report("busy:ticks_share", ticks)
  report("busy:gap_p99.9_ms", high)
  report("busy:gap_most_ms", most)
end

rounds.run(function(report)
  moon.no_grad(function()
    for _, part in ipairs{ trips, wakes, live } do
      local ok, why = pcall(part, report)
      if not ok then io.stderr:write(tostring(why), "\n") end
    end
  end)
end)
