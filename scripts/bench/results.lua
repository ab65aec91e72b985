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

--- A number with about three digits.
---@param x number
---@return string
function M.digits(x)
  if x >= 1000 then return ("%.0f"):format(x) end
  if x >= 10 then return ("%.1f"):format(x) end
  if x >= 0.1 then return ("%.3f"):format(x) end
  return ("%.4f"):format(x)
end

local function cell(list)
  local median, least, most = M.spread(list)
  return ("%s (%s-%s)"):format(M.digits(median), M.digits(least),
                               M.digits(most))
end

-- Percent, as a mean with its 95% interval.
local function mean_cell(list)
  return ("mean %+.2f +- %.2f"):format(statistics.mean(list),
                                       statistics.half_interval(list))
end

--- How many times as fast ours is, round by round.
---@param ours number[]
---@param theirs number[]
---@param higher boolean|nil  whether more is better
---@return number[]
function M.ratios(ours, theirs, higher)
  local ratios = {}
  for i = 1, math.min(#ours, #theirs) do
    ratios[i] = higher and ours[i] / theirs[i] or theirs[i] / ours[i]
  end
  return ratios
end

-- What is told, and not compared.
local function is_plain(metric) return metric:find "loss$" or
  metric:find "epochs$" or metric:find "accuracy$" end

--- Prints, for each metric, every peer's median with its range, and how many
--- times as fast (or, of memory, as sparing) the first peer is; of
--- percentages the mean.
---@param bench table    { name, higher = pattern of metrics where more is
---                      better }
---@param result Result
function M.print(bench, result)
  local first = result.peers[1]
  for _, metric in ipairs(result.metrics) do
    print(metric)
    local ours = result.values[metric][first]
    local higher = bench.higher and metric:find(bench.higher)
    for _, peer in ipairs(result.peers) do
      local list = result.values[metric][peer]
      if list then
        local compared = ours and peer ~= first and not is_plain(metric)
          and "ours is x" .. cell(M.ratios(ours, list, higher)) or ""
        if metric:find "percent$" then compared = mean_cell(list) end
        print(("  %-36s %-24s %s"):format(peer, cell(list), compared))
      end
    end
  end
end

-- --- gathering --------------------------------------------------------------

---@class Result
---@field peers string[]    names, ours first
---@field metrics string[]  in the order in which they came
---@field values table      values[metric][peer] = list over rounds
---@field rows table[]      { round, peer, metric, value } each
local Result = {}
Result.__index = Result

--- An empty result.
---@param peers string[]|nil  the order; else as they come
---@return Result
function M.new(peers)
  return setmetatable({ peers = peers or {}, metrics = {}, values = {},
                        rows = {} }, Result)
end

local function add_once(list, name)
  for _, other in ipairs(list) do
    if other == name then return end
  end
  list[#list + 1] = name
end

---@param round integer
---@param peer string
---@param metric string
---@param value number
function Result:add(round, peer, metric, value)
  if not self.values[metric] then
    self.values[metric] = {}
    self.metrics[#self.metrics + 1] = metric
  end
  add_once(self.peers, peer)
  local lists = self.values[metric]
  lists[peer] = lists[peer] or {}
  table.insert(lists[peer], value)
  self.rows[#self.rows + 1] = { round, peer, metric, value }
end

--- Writes every round's numbers.
---@param path string
function Result:write(path)
  local file = assert(io.open(path, "w"))
  file:write "round,peer,metric,value\n"
  for _, row in ipairs(self.rows) do
    file:write(('%d,"%s","%s",%.9g\n'):format(unpack(row)))
  end
  file:close()
end

--- Reads what `write` wrote; nil when there is no such file.
---@param path string
---@return Result|nil
function M.read(path)
  local file = io.open(path)
  if not file then return nil end
  local result = M.new()
  for line in file:lines() do
    local round, peer, metric, value =
      line:match '^(%d+),"([^"]*)","([^"]*)",(%S+)$'
    if round then
      result:add(tonumber(round), peer, metric, tonumber(value))
    end
  end
  file:close()
  return result
end

--- The processor and how busy the machine is.
---@return string processor
---@return string load
function M.machine()
  local name = "unknown processor"
  for line in io.lines "/proc/cpuinfo" do
    name = line:match "^model name%s*:%s*(.*)" or name
  end
  return name, (assert(io.open "/proc/loadavg"):read "*l":match "^(%S+)")
end

return M
