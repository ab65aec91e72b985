--- Runs benchmarks: rounds of ours, of bare oneDNN and of PyTorch in turn, on
-- one machine in one go. Called by scripts/bench/run, which see.

package.path = "scripts/bench/?.lua;scripts/?.lua;" .. package.path
local benches = require "benches"
local figure = require "figure"
local operations = require "operations"
local results = require "results"
local summary = require "summary"
local turns = require "turns"

local function exists(path)
  local file = path and io.open(path)
  if file then file:close() end
  return file and path
end

local function succeeds(command)
  return os.execute(command .. " >/dev/null 2>&1") == 0
end

-- Whether a part of the name is in a list with commas.
local function is_wanted(name, list)
  for part in (list or ""):gmatch "[^,]+" do
    if name:find(part, 1, true) then return true end
  end
  return list == nil
end

-- What is asked for of the peers; ours is first, and always.
local function choose_peers(descriptions, wanted)
  local list = {}
  for i, description in ipairs(descriptions) do
    if i == 1 or is_wanted(description[1], wanted) then
      list[#list + 1] = description
    end
  end
  return list
end

local function measure(peers, bench, o)
  local rounds = o.rounds or bench.rounds
  print(("\n--- %s: %d rounds"):format(bench.name, rounds))
  turns.start(peers, choose_peers(bench.peers, o.peers))
  if not bench.cold then turns.run(peers, 1, function() end) end  -- warms up
  local result = results.new(turns.names(peers))
  for round = 1, rounds do
    turns.run(peers, round, function(...) result:add(round, ...) end)
  end
  return result
end

local function run(bench, o)
  local peers = {}
  local ok, result = pcall(measure, peers, bench, o)
  for _, peer in ipairs(peers) do peer:stop() end
  if not ok then
    print(("%s is left out: %s"):format(bench.name, result))
    return
  end
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
  local ops = results.read(o.build .. "/bench/ops.csv")
  if ops then print("\n" .. operations.table(ops)) end
  local path = o.figure or o.build .. "/bench/bench.svg"
  local drawn = figure.write(path, found,
    ("%s, %d threads"):format(results.machine(), threads))
  if drawn then print("drawn: " .. path) end
  print(("%s; load %s"):format(results.machine()))
end

io.stdout:setvbuf "line"
main()
