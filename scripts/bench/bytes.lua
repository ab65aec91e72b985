--- What the kernels between convolutions cost beside their bytes: each one's
-- time, the bytes it has to read and write, and what these cost in a loop that
-- does nothing else (traffic.c), measured in turn with it. Called by
-- scripts/bench/bytes.
--
-- One size is larger than the caches, where stores of that loop go past them;
-- one fits. Of a kernel's turns in a round, and of the loop's, the fastest
-- counts; of the rounds, the median.

package.path = "scripts/bench/?.lua;scripts/?.lua;" .. package.path
local ffi = require "ffi"
local moon = require "moonseed"
local rounds = require "rounds"
local cases = require "bytes_cases"
local results = require "results"
local uv = require "luv"

local TURNS = tonumber(os.getenv "TURNS") or 7

ffi.cdef[[
double traffic_ms(int reads, int writes, double nbytes, int threads,
                  int past_cache);
]]
local threads = tonumber(os.getenv "THREADS") or 2
local build = os.getenv "BUILD" or "build"
local traffic = ffi.load("./" .. build .. "/bench/traffic.so")

-- Milliseconds of run()'s ops of this name.
local function span_ms(name, run, turn)
  local begin, sum = uv.hrtime(), 0
  run(turn)
  moon.synchronize()
  for _, span in ipairs(moon.streams():recent(32)) do
    if span.name == name and span.submit_ns > begin then
      sum = sum + (span.end_ns - span.start_ns) / 1e6
    end
  end
  return sum
end

local function least(list)
  return math.min(unpack(list))
end

-- One round: milliseconds of the kernel, and of its bytes alone.
local function round(case, size, run)
  local ours, bytes = {}, {}
  for turn = 1, TURNS do
    ours[turn] = span_ms(case.op, run, turn)
    local sum = 0
    for _, pass in ipairs(case.passes) do
      sum = sum + traffic.traffic_ms(pass[1], pass[2], size.nbytes / pass[3],
                                     threads, size.large and 1 or 0)
    end
    bytes[turn] = sum
  end
  return least(ours), least(bytes)
end

-- Bytes that all passes move.
local function moved(case, size)
  local total = 0
  for _, pass in ipairs(case.passes) do
    total = total + (pass[1] + pass[2]) * size.nbytes / pass[3]
  end
  return total
end

local function measure(case, size, n)
  local run, ours, bytes, ratio = case.make(size), {}, {}, {}
  round(case, size, run)
  for i = 1, n do
    ours[i], bytes[i] = round(case, size, run)
    ratio[i] = ours[i] / bytes[i]
  end
  local middle, low, high = results.spread(ratio)
  print(("%-30s %7.1f %9.3f %9.3f   %.2f (%.2f-%.2f)"):format(
    case.name, moved(case, size) / 1e6, rounds.median(ours),
    rounds.median(bytes), middle, low, high))
end

local function wanted(name, parts)
  for _, part in ipairs(parts) do
    if name:find(part, 1, true) then return true end
  end
  return #parts == 0
end

local parts, n = {}, 5
for _, a in ipairs(arg) do
  local count = a:match "^rounds=(%d+)$"
  if count then n = tonumber(count) else parts[#parts + 1] = a end
end

moon.set_threads(threads)
print(results.machine())
for _, size in ipairs(cases.sizes) do
  print(("\nx is %s f32, %.1f MB; %d threads\n%-30s %7s %9s %9s   %s"):format(
    table.concat(size.shape, "x"), size.nbytes / 1e6, threads, "", "MB", "ms",
    "bytes, ms", "ratio (of rounds)"))
  for _, case in ipairs(cases.list) do
    if wanted(case.name, parts) then
      measure(case, size, n)
      collectgarbage()
    end
  end
end
