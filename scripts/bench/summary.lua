--- What all benchmarks come to: one table, and how many times as fast ours is
--- as the best of each kind of peer. Read from the CSV files of their runs.

local results = require "results"

local M = {}

-- The peers' columns; those that nobody has are left out.
local columns = {
  { "moonseed", "Moonseed" }, { "bare oneDNN", "bare oneDNN" },
  { "PyTorch contiguous", "contiguous" },
  { "PyTorch contiguous, malloc keeps", "malloc keeps" },
  { "PyTorch channels_last", "channels_last" },
  { "PyTorch channels_last, malloc keeps", "malloc keeps" },
  { "PyTorch channels_last, jemalloc", "jemalloc" },
  { "PyTorch compile", "torch.compile" },
  { "PyTorch compile, malloc keeps", "malloc keeps" },
  { "PyTorch", "PyTorch" },
}

-- Rows: a metric; or `each`, all metrics that match, by what the pattern takes
-- of their name; or `mean`, the geometric mean of all that match. `drawn`: what
-- it is called in the figure.
local rows = {}

local function add(row) rows[#rows + 1] = row end

for _, network in ipairs{ { "step", "small CNN" }, { "resnet9", "ResNet-9" },
                          { "resnet18", "ResNet-18" } } do
  local bench, name = unpack(network)
  add{ bench = bench, metric = bench .. ":images_per_s", higher = true,
       title = name .. ", training step, images/s",
       drawn = name .. ", training step" }
  add{ bench = bench, metric = bench .. ":peak_mb",
       title = name .. ", peak memory, MB" }
  add{ bench = bench, metric = bench .. ":own_peak_mb",
       title = name .. ", without what it starts with, MB" }
end
add{ bench = "conv", each = "^(.*):all$",
     title = "conv %s, forward and backward, ms" }
add{ bench = "conv", mean = ":all$", title = "convolutions, geometric mean, ms",
     drawn = "convolutions, forward and backward" }
for _, size in ipairs{ "small", "medium", "large" } do
  add{ bench = "ops", mean = ":" .. size .. ":",
       title = "other operations, " .. size .. ", geometric mean, ms",
       drawn = "other operations, " .. size }
end
add{ bench = "branches", metric = "branches:one_stream_ms",
     title = "eight small convolutions in a row, ms" }
add{ bench = "branches", metric = "branches:eight_streams_ms",
     title = "the same on a stream each, ms" }
add{ bench = "dispatch", metric = "add:submit_us",
     title = "submit an 8x8 addition, us", drawn = "submit an 8x8 addition" }
add{ bench = "dispatch", metric = "conv:await_us",
     title = "a tiny convolution, awaited, us" }
add{ bench = "dispatch", metric = "chain:ms",
     title = "100 in a chain, forward and backward, ms",
     drawn = "100 tiny convolutions, forward and backward" }
add{ bench = "startup", metric = "startup:ms", title = "start-up, ms" }
add{ bench = "fashion", metric = "fashion:training_s",
     title = "Fashion-MNIST to its accuracy, s",
     drawn = "Fashion-MNIST to its accuracy" }

-- Round by round, the geometric mean of the metrics; nil unless a peer has them
-- all.
local function geometric(metrics, values, peer)
  local means = {}
  for _, metric in ipairs(metrics) do
    local list = values[metric][peer]
    if not list then return nil end
    for i, x in ipairs(list) do
      means[i] = (means[i] or 1) * x ^ (1 / #metrics)
    end
  end
  return means
end

local function matching(result, pattern)
  local list = {}
  for _, metric in ipairs(result.metrics) do
    if metric:find(pattern) then list[#list + 1] = metric end
  end
  return list
end

-- What of a row there is: { title, higher, drawn, lists = by peer }, perhaps
-- several.
local function fill(row, result, out)
  local function put(title, metrics)
    local lists, any = {}, false
    for _, peer in ipairs(result.peers) do
      lists[peer] = geometric(metrics, result.values, peer)
      any = any or lists[peer]
    end
    if #metrics > 0 and any then
      out[#out + 1] = { title = title, higher = row.higher, drawn = row.drawn,
                        lists = lists }
    end
  end
  if row.each then
    for _, metric in ipairs(matching(result, row.each)) do
      put(row.title:format(metric:match(row.each)), { metric })
    end
  elseif row.mean then
    put(row.title, matching(result, row.mean))
  else
    put(row.title, result.values[row.metric] and { row.metric } or {})
  end
end

--- What there is of each row.
---@param folder string  that of the CSV files, with a slash
---@return table[]  { title, higher, drawn, lists = by peer } each
function M.read(folder)
  local read, out = {}, {}
  for _, row in ipairs(rows) do
    local name = row.bench
    if read[name] == nil then
      read[name] = results.read(folder .. name .. ".csv") or false
    end
    if read[name] then fill(row, read[name], out) end
  end
  return out
end

--- A table of medians, in Markdown.
---@param found table[]  as `read` gives it
---@return string
function M.table(found)
  local used, lines = {}, {}
  for _, column in ipairs(columns) do
    for _, row in ipairs(found) do
      if row.lists[column[1]] then
        used[#used + 1] = column
        break
      end
    end
  end
  local head, rule = { "" }, { "---" }
  for _, column in ipairs(used) do
    head[#head + 1], rule[#rule + 1] = column[2], "---"
  end
  local function line(cells)
    lines[#lines + 1] = "| " .. table.concat(cells, " | ") .. " |"
  end
  line(head)
  line(rule)
  for _, row in ipairs(found) do
    local cells = { row.title }
    for _, column in ipairs(used) do
      local list = row.lists[column[1]]
      cells[#cells + 1] = list and results.digits((results.spread(list))) or ""
    end
    line(cells)
  end
  return table.concat(lines, "\n")
end

-- --- the best of each kind --------------------------------------------------

--- Kinds of peers: what they are called, and whether one is of them.
M.kinds = {
  { "PyTorch eager", function(name)
    return name:find "^PyTorch" and not name:find "[,]" and
      not name:find "compile"
  end },
  { "the same, malloc tuned", function(name)
    return name:find "^PyTorch.*," and not name:find "compile"
  end },
  { "torch.compile", function(name) return name:find "compile" end },
  { "bare oneDNN", function(name) return name == "bare oneDNN" end },
}

--- The numbers of the best peer of a kind; nil when there is none.
---@param lists table          numbers by peer
---@param kind table           one of `kinds`
---@param higher boolean|nil   whether more is better
---@return number[]|nil
function M.best(lists, kind, higher)
  local found, most
  for name, list in pairs(lists) do
    local median = results.spread(list)
    local worth = higher and median or -median
    if kind[2](name) and (not most or worth > most) then
      found, most = list, worth
    end
  end
  return found
end

--- How many times as fast ours is as the best peer of each kind, of the rows
--- that are drawn.
---@param found table[]  as `read` gives it
---@return table[]  { title, bars = { kind, median, least, most } each } each
function M.ratios(found)
  local out = {}
  for _, row in ipairs(found) do
    local ours, bars = row.lists.moonseed, {}
    for kind, entry in ipairs(row.drawn and ours and M.kinds or {}) do
      local theirs = M.best(row.lists, entry, row.higher)
      if theirs then
        bars[#bars + 1] = { kind, results.spread(
          results.ratios(ours, theirs, row.higher)) }
      end
    end
    if #bars > 0 then out[#out + 1] = { title = row.drawn, bars = bars } end
  end
  return out
end

return M
