--- Runs benchmarks: rounds of ours, of bare oneDNN and of PyTorch in turn, on
-- one machine in one go. Called by scripts/bench/run, which see.

package.path = "scripts/bench/?.lua;scripts/?.lua;" .. package.path
local benches = require "benches"
local figure = require "figure"
local results = require "results"
local start_peer = require("peer").start
local summary = require "summary"

local function exists(path)
  local file = path and io.open(path)
  if file then file:close() end
  return file and path
end

local function succeeds(command)
  return os.execute(command .. " >/dev/null 2>&1") == 0
end

-- Peers that run. One that does not start, or ends, is left out; without ours,
-- there is nothing to compare.
local function leave_out(peers, i, why)
  print(("%s is left out: %s"):format(peers[i].name, why))
  if i == 1 then error(peers[i].name .. " has failed", 0) end
  table.remove(peers, i)
end

-- Whether a part of the name is in a list with commas.
local function is_wanted(name, list)
  for part in (list or ""):gmatch "[^,]+" do
    if name:find(part, 1, true) then return true end
  end
  return list == nil
end

local function start(bench, wanted)
  local peers = {}
  for i, description in ipairs(bench.peers) do
    local name = description[1]
    if i == 1 or is_wanted(name, wanted) then
      local ok, peer = pcall(start_peer, unpack(description, 1, 3))
      peers[#peers + 1] = ok and peer or { name = name }
      if ok then
        print(("%s: %s"):format(name, peer.who))
      else
        leave_out(peers, #peers, peer)
      end
    end
  end
  return peers
end

-- A round of every peer, the first one changing from round to round.
local function run_round(peers, round, add)
  local order, failed = {}, {}
  for i = 1, #peers do order[i] = peers[(i + round - 2) % #peers + 1] end
  for _, peer in ipairs(order) do
    local ok, values, names = pcall(peer.round, peer)
    if not ok then failed[peer] = values end
    for _, name in ipairs(ok and names or {}) do
      add(peer.name, name, values[name])
    end
  end
  for i = #peers, 1, -1 do
    if failed[peers[i]] then leave_out(peers, i, failed[peers[i]]) end
  end
end

local function names_of(peers)
  local names = {}
  for i, peer in ipairs(peers) do names[i] = peer.name end
  return names
end

local function run(bench, o)
  local rounds = o.rounds or bench.rounds
  print(("\n--- %s: %d rounds"):format(bench.name, rounds))
  local peers = start(bench, o.peers)
  if not bench.cold then run_round(peers, 1, function() end) end  -- warms up
  local result = results.new(names_of(peers))
  for round = 1, rounds do
    run_round(peers, round, function(...) result:add(round, ...) end)
  end
  for _, peer in ipairs(peers) do peer:stop() end
  results.print(bench, result)
  result:write(("%s/bench/%s.csv"):format(o.build, bench.name))
end

local function options(args)
  local o = { wanted = {}, until_accuracy = 92,
              build = os.getenv "BUILD" or "build" }
  for _, a in ipairs(args) do
    local name, value = a:match "^(%l+)=(.*)$"
    if name == "rounds" or name == "until" then
      o[name] = assert(tonumber(value), a .. " is no number")
    elseif name == "peers" or name == "figure" then
      o[name] = value
    elseif name then
      error("no option " .. name .. " (rounds, peers, until, figure)", 0)
    else
      o.wanted[#o.wanted + 1] = a
    end
  end
  o.until_accuracy = o["until"] or o.until_accuracy
  return o
end

-- The benchmarks that are asked for, in their order; all without a name.
local function choose(list, wanted)
  local named, chosen = { all = true, figure = true }, {}
  for _, bench in ipairs(list) do named[bench.name] = true end
  local set = {}
  for _, name in ipairs(wanted) do
    if not named[name] then error("no benchmark " .. name, 0) end
    set[name] = true
  end
  for _, bench in ipairs(list) do
    if #wanted == 0 or set.all or set[bench.name] then
      chosen[#chosen + 1] = bench
    end
  end
  return chosen
end

local function main()
  local o = options(arg)
  local threads = tonumber(os.getenv "THREADS") or 2
  local torch = exists(os.getenv "MOONSEED_TORCH_PYTHON")
  local list = benches{
    build = o.build, threads = threads, torch = torch,
    compiler = succeeds "command -v c++", until_accuracy = o.until_accuracy,
    jemalloc = exists "/usr/lib/x86_64-linux-gnu/libjemalloc.so.2",
  }
  print(("%s; load %s"):format(results.machine()))
  if not torch then
    print "PyTorch: skipped; MOONSEED_TORCH_PYTHON names no Python that has it"
  elseif not succeeds "command -v c++" then
    print "torch.compile: skipped; there is no C++ compiler"
  end
  for _, bench in ipairs(choose(list, o.wanted)) do run(bench, o) end
  local found = summary.read(o.build .. "/bench/")
  print("\n" .. summary.table(found))
  local path = o.figure or o.build .. "/bench/bench.svg"
  local drawn = figure.write(path, found,
    ("%s, %d threads"):format(results.machine(), threads))
  if drawn then print("drawn: " .. path) end
  print(("%s; load %s"):format(results.machine()))
end

io.stdout:setvbuf "line"
main()
