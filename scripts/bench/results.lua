--- Numbers of a benchmark: medians, ranges, the table and the CSV file.

local statistics = require "statistics"

local M = {}

--- The middle of a list and its ends.
---@param list number[]
---@return number median
---@return number least
---@return number most
function M.spread(list)
  local sorted = { unpack(list) }
  table.sort(sorted)
  local n = #sorted
  local median = n % 2 == 1 and sorted[(n + 1) / 2]
    or (sorted[n / 2] + sorted[n / 2 + 1]) / 2
  return median, sorted[1], sorted[n]
end

local function digits(x)
  if x >= 1000 then return ("%.0f"):format(x) end
  if x >= 10 then return ("%.1f"):format(x) end
  if x >= 0.1 then return ("%.3f"):format(x) end
  return ("%.4f"):format(x)
end

local function cell(list)
  local median, least, most = M.spread(list)
  return ("%s (%s-%s)"):format(digits(median), digits(least), digits(most))
end

-- Percent, as a mean with its 95% interval.
local function mean_cell(list)
  return ("mean %+.2f +- %.2f"):format(statistics.mean(list),
                                       statistics.half_interval(list))
end

-- How many times as fast ours is, round by round.
local function ratio(ours, theirs, higher_is_better)
  local ratios = {}
  for i = 1, math.min(#ours, #theirs) do
    ratios[i] = higher_is_better and ours[i] / theirs[i] or theirs[i] / ours[i]
  end
  return "x" .. cell(ratios)
end

--- Prints, for each metric, every peer's median with its range, and how many
--- times as fast the first peer is; of percentages the mean.
---@param bench table       { name, higher = pattern of metrics where more is
---                         better }
---@param peers Peer[]
---@param metrics string[]  in order
---@param values table      values[metric][peer.name] = list over rounds
function M.print(bench, peers, metrics, values)
  for _, metric in ipairs(metrics) do
    print(metric)
    local ours = values[metric][peers[1].name]
    local higher = bench.higher and metric:find(bench.higher)
    for _, peer in ipairs(peers) do
      local list = values[metric][peer.name]
      if list then
        local compared = ours and ours ~= list and not metric:find "loss$"
          and "ours is " .. ratio(ours, list, higher) or ""
        if metric:find "percent$" then compared = mean_cell(list) end
        print(("  %-36s %-24s %s"):format(peer.name, cell(list), compared))
      end
    end
  end
end

--- Writes every round's numbers.
---@param path string
---@param rows table[]  { round, peer, metric, value }
function M.write_csv(path, rows)
  local file = assert(io.open(path, "w"))
  file:write "round,peer,metric,value\n"
  for _, row in ipairs(rows) do
    file:write(('%d,"%s","%s",%.9g\n'):format(unpack(row)))
  end
  file:close()
end

--- The processor and how busy the machine is.
---@return string
function M.machine()
  local name = "unknown processor"
  for line in io.lines "/proc/cpuinfo" do
    name = line:match "^model name%s*:%s*(.*)" or name
  end
  local load = assert(io.open "/proc/loadavg"):read "*l"
  return ("%s; load %s"):format(name, load:match "^(%S+)")
end

return M
