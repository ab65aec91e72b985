--- What a GPU's parts came to, in Markdown. Metrics are `PART/NAME`.

local results = require "results"

local M = {}

-- What a ratio says nothing about.
local plain = { "loss", "accuracy$", "epochs$", "caught$", "percent$",
                "kernel_us$", "seconds$", ": %w+$" }

local function is_plain(metric)
  for _, pattern in ipairs(plain) do
    if metric:find(pattern) then return true end
  end
  return false
end

local function digits(x)
  return x % 1 == 0 and ("%d"):format(x) or results.digits(x)
end

-- The median, and how many times as fast ours is as this peer, by round.
local function cell(ours, theirs, metric, higher)
  if not theirs then return "" end
  local text = digits((results.spread(theirs)))
  if not ours or ours == theirs or is_plain(metric) then return text end
  local ratio = results.spread(results.ratios(ours, theirs, higher))
  return ("%s: x%.2f"):format(text, ratio)
end

-- Those of a part: metrics, and the peers that have any of them.
local function of_part(result, name)
  local metrics, peers, prefix = {}, {}, name .. "/"
  for _, metric in ipairs(result.metrics) do
    if metric:sub(1, #prefix) == prefix then metrics[#metrics + 1] = metric end
  end
  for _, peer in ipairs(result.peers) do
    for _, metric in ipairs(metrics) do
      if result.values[metric][peer] then
        peers[#peers + 1] = peer
        break
      end
    end
  end
  return metrics, peers
end

-- Geometric means over shapes of the medians of what a dtype and a direction
-- have, where ours and the peer have both.
local function means(result, metrics, peer)
  local sums, order = {}, {}
  for _, metric in ipairs(metrics) do
    local dtype, what = metric:match "/(%w+):.*:(%w+)$"
    local ours, theirs = result.values[metric].moonseed,
                         result.values[metric][peer]
    if dtype and ours and theirs then
      local key = dtype .. " " .. what
      if not sums[key] then
        sums[key] = { 0, 0 }
        order[#order + 1] = key
      end
      local ratio = results.spread(results.ratios(ours, theirs))
      sums[key] = { sums[key][1] + math.log(ratio), sums[key][2] + 1 }
    end
  end
  local lines = {}
  for i, key in ipairs(order) do
    lines[i] = ("- %s, beside %s: x%.2f, the geometric mean over %d shapes")
      :format(key, peer, math.exp(sums[key][1] / sums[key][2]), sums[key][2])
  end
  return lines
end

local function add_part(lines, part, result)
  local metrics, peers = of_part(result, part.name)
  if #metrics == 0 then return end
  local function add(...) lines[#lines + 1] = (...):format(select(2, ...)) end
  add("\n## %s\n", part.title)
  if part.means then
    for _, peer in ipairs(peers) do
      if peer ~= "moonseed" then
        for _, line in ipairs(means(result, metrics, peer)) do
          lines[#lines + 1] = line
        end
      end
    end
    lines[#lines + 1] = ""
  end
  lines[#lines + 1] = "| | " .. table.concat(peers, " | ") .. " |"
  lines[#lines + 1] = "|---|" .. ("---|"):rep(#peers)
  for _, metric in ipairs(metrics) do
    local row = result.values[metric]
    local higher = part.higher and metric:find(part.higher)
    local cells = {}
    for i, peer in ipairs(peers) do
      cells[i] = cell(row.moonseed, row[peer], metric, higher)
    end
    add("| %s | %s |", metric:sub(#part.name + 2), table.concat(cells, " | "))
  end
end

--- The page: what it ran on, a table for each part that has numbers, and what
--- was left out.
---@param parts table[]     as gpu_parts.lua gives them
---@param result Result     metrics named PART/NAME
---@param about string[]    lines on the machine, the command, the versions
---@param left_out string[] lines
---@return string
function M.page(parts, result, about, left_out)
  local lines = { "# Moonseed on a GPU\n" }
  for _, line in ipairs(about) do lines[#lines + 1] = "- " .. line end
  lines[#lines + 1] = "\nMedians over rounds that took turns; x: how many "
    .. "times as fast as that peer ours is, the median of the rounds' ratios."
  for _, part in ipairs(parts) do add_part(lines, part, result) end
  if #left_out > 0 then lines[#lines + 1] = "\n## Left out\n" end
  for _, line in ipairs(left_out) do lines[#lines + 1] = "- " .. line end
  return table.concat(lines, "\n") .. "\n"
end

return M
