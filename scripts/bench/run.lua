--- Runs benchmarks: rounds of ours, of bare oneDNN and of PyTorch in turn, on
-- one machine in one go. Called by scripts/bench/run, which see.

package.path = "scripts/bench/?.lua;scripts/?.lua;" .. package.path
local benches = require "benches"
local results = require "results"
local start_peer = require("peer").start

local function exists(path)
  local file = path and io.open(path)
  if file then file:close() end
  return file and path
end

-- A round of every peer, the first one changing from round to round.
local function run_round(peers, round, add)
  for i = 1, #peers do
    local peer = peers[(i + round - 2) % #peers + 1]
    local values, names = peer:round()
    for _, name in ipairs(names) do add(peer.name, name, values[name]) end
  end
end

local function run(bench, rounds, build)
  print(("\n--- %s: %d rounds"):format(bench.name, rounds))
  local peers = {}
  for _, description in ipairs(bench.peers) do
    local peer = start_peer(unpack(description, 1, 3))
    print(("%s: %s"):format(peer.name, peer.who))
    peers[#peers + 1] = peer
  end
  run_round(peers, 1, function() end)  -- warms up
  local values, metrics, rows = {}, {}, {}
  for round = 1, rounds do
    run_round(peers, round, function(peer, metric, value)
      if not values[metric] then
        values[metric] = {}
        metrics[#metrics + 1] = metric
      end
      local lists = values[metric]
      lists[peer] = lists[peer] or {}
      table.insert(lists[peer], value)
      rows[#rows + 1] = { round, peer, metric, value }
    end)
  end
  for _, peer in ipairs(peers) do peer:stop() end
  results.print(bench, peers, metrics, values)
  results.write_csv(("%s/bench/%s.csv"):format(build, bench.name), rows)
end

local function options(args)
  local wanted, rounds = {}, nil
  for _, a in ipairs(args) do
    if a:match "^rounds=%d+$" then
      rounds = tonumber(a:match "%d+")
    else
      wanted[a] = true
    end
  end
  return wanted, rounds
end

io.stdout:setvbuf "line"
local wanted, rounds = options(arg)
local torch = exists(os.getenv "MOONSEED_TORCH_PYTHON")
local build = os.getenv "BUILD" or "build"
local list = benches{
  build = build, threads = tonumber(os.getenv "THREADS") or 2, torch = torch,
  jemalloc = exists "/usr/lib/x86_64-linux-gnu/libjemalloc.so.2",
}
print(results.machine())
if not torch then
  print "PyTorch: skipped; MOONSEED_TORCH_PYTHON names no Python that has it"
end
for _, bench in ipairs(list) do
  if not next(wanted) or wanted[bench.name] then
    run(bench, rounds or bench.rounds, build)
  end
end
print(results.machine())
