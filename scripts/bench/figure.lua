--- The figure of all benchmarks, in SVG: how many times as fast ours is as the
--- best peer of each kind. Legible at 390 pixels, and in light and dark.

local summary = require "summary"

local M = {}

-- In units of the drawing, which is shown 1.5 times as large where there is
-- room.
local WIDTH, MARGIN, SCALE = 420, 14, 1.5
local BAR, GAP, MOST = 12, 3, 4  -- MOST: ratios that fit
local LEFT, RIGHT = MARGIN, WIDTH - 62

local style = [[
  <style>
    text { font: 12px system-ui, sans-serif; fill: #1f2328 }
    .title { font-size: 15px; font-weight: 600 }
    .row { font-size: 12.5px; font-weight: 600 }
    .small { font-size: 10.5px; fill: #59636e }
    .page { fill: #ffffff } .one { stroke: #1f2328 }
    .range { stroke: #1f2328; stroke-width: 1.2 }
    .k1 { fill: #4c8bd6 } .k2 { fill: #e0912f }
    .k3 { fill: #4ba56a } .k4 { fill: #9a9fa6 }
    @media (prefers-color-scheme: dark) {
      text { fill: #e6edf3 } .small { fill: #9198a1 }
      .page { fill: #0d1117 } .one { stroke: #e6edf3 }
      .range { stroke: #e6edf3 }
      .k1 { fill: #3f7fca } .k2 { fill: #b9741c }
      .k3 { fill: #39885a } .k4 { fill: #6e747c }
    }
  </style>]]

local escapes = { ["&"] = "&amp;", ["<"] = "&lt;", [">"] = "&gt;" }

local function text(class, x, y, words)
  return ('  <text class="%s" x="%.1f" y="%.1f">%s</text>'):format(class, x, y,
    (words:gsub("[&<>]", escapes)))
end

local function rectangle(class, x, y, width, height)
  return ('  <rect class="%s" x="%.1f" y="%.1f" width="%.1f" height="%.1f"/>')
    :format(class, x, y, width, height)
end

local function line(class, x1, y1, x2, y2)
  return ('  <line class="%s" x1="%.1f" y1="%.1f" x2="%.1f" y2="%.1f"/>')
    :format(class, x1, y1, x2, y2)
end

-- Two in a line.
local function legend(out, y)
  for i, kind in ipairs(summary.kinds) do
    local x = LEFT + (i - 1) % 2 * (WIDTH - 2 * MARGIN) / 2
    local top = y + math.floor((i - 1) / 2) * 17
    out[#out + 1] = rectangle("k" .. i, x, top, 10, 10)
    out[#out + 1] = text("", x + 15, top + 9, kind[1])
  end
  return y + math.ceil(#summary.kinds / 2) * 17
end

-- A title and a bar for each kind; returns where the next row begins.
local function row(out, y, entry, at)
  out[#out + 1] = text("row", LEFT, y + 11, entry.title)
  y = y + 18
  local top = y
  for _, bar in ipairs(entry.bars) do
    local kind, median, least, most = unpack(bar)
    local x, middle = at(median), y + BAR / 2
    out[#out + 1] = rectangle("k" .. kind, LEFT, y, x - LEFT, BAR)
    out[#out + 1] = line("range", at(least), middle, at(most), middle)
    out[#out + 1] = text("", math.max(x, at(most)) + 4, y + 10,
                         ("%.2f"):format(median))
    y = y + BAR + GAP
  end
  out[#out + 1] = line("one", at(1), top - 2, at(1), y - GAP + 2)
  return y + 8
end

--- The figure's text; nil when there is nothing to draw.
---@param found table[]   as summary.read gives it
---@param where string    the machine
---@return string|nil
function M.svg(found, where)
  local entries, largest = summary.ratios(found), 1.25
  if #entries == 0 then return nil end
  for _, entry in ipairs(entries) do
    for _, bar in ipairs(entry.bars) do largest = math.max(largest, bar[4]) end
  end
  largest = math.min(largest, MOST)
  local function at(ratio)
    return LEFT + math.min(ratio, largest) / largest * (RIGHT - LEFT)
  end
  local out = { text("title", LEFT, 24, "How many times as fast Moonseed is"),
                text("small", LEFT, 40, where) }
  local top = legend(out, 52) + 8
  local y = top + 14
  for _, entry in ipairs(entries) do y = row(out, y, entry, at) end
  out[#out + 1] = line("one", at(1), top + 8, at(1), top + 12)
  out[#out + 1] = text("small", at(1) - 4, top + 4, "1: equally fast")
  out[#out + 1] = text("small", LEFT, y + 8,
                       "Medians of interleaved rounds, and their ranges. "
                       .. "Bars end at " .. MOST .. ".")
  local height = y + 18
  table.insert(out, 1, rectangle("page", 0, 0, WIDTH, height))
  table.insert(out, 1, style)
  table.insert(out, 1, (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %.0f" '
    .. 'width="%d" height="%.0f">'):format(WIDTH, height, WIDTH * SCALE,
                                           height * SCALE))
  out[#out + 1] = "</svg>\n"
  return table.concat(out, "\n")
end

--- Draws the figure; false when there is nothing to draw.
---@param path string
---@param found table[]   as summary.read gives it
---@param where string    the machine
---@return boolean
function M.write(path, found, where)
  local svg = M.svg(found, where)
  if not svg then return false end
  local file = assert(io.open(path, "w"))
  file:write(svg)
  file:close()
  return true
end

return M
