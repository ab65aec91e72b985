--- Curves over steps in one figure.
--
-- A curve with more points than there are pixels is thinned to its M4 points.
-- A noisy one is drawn pale, under the mean of each of MEANS stretches. The
-- figure says so.

local html = require "moonseed.train.report.html"
local plot = require "moonseed.train.report.plot"

local M = {}

local COLUMNS = 500  -- stretches of a thinned curve
local MEANS = 100    -- stretches of a mean
local BUSY = 150     -- points from which on a curve may need its mean
local NOISE = 20     -- and that it goes up and down for so often its height
local MOST = 8       -- curves in a figure: as many as there are colours

-- --- scale -------------------------------------------------------------------

local function widen(low, high)
  if low > high then return 0, 1 end
  if low == high then
    local by = low == 0 and 1 or math.abs(low) * 0.1
    return low - by, high + by
  end
  local by = (high - low) * 0.04
  return low - by, high + by
end

--- The steps that the curves span.
---@param list table[]  { curve = }
---@return number first, number last
function M.span(list)
  local first, last = math.huge, -math.huge
  for _, entry in ipairs(list) do
    local c = entry.curve
    if c.n > 0 then
      first = math.min(first, c.steps[0])
      last = math.max(last, c.last)
    end
  end
  if first > last then return 0, 1 end
  return first, math.max(last, first + 1)
end

local function values_span(list)
  local low, high = math.huge, -math.huge
  for _, entry in ipairs(list) do
    local facts = entry.curve:summary()
    if facts.finite > 0 then
      low = math.min(low, facts.least)
      high = math.max(high, facts.greatest)
    end
  end
  return widen(low, high)
end

-- --- drawing -----------------------------------------------------------------

local function raw_path(curve, indices, o)
  local out, pen = {}, "M"
  for _, i in ipairs(indices) do
    local v = curve.values[i]
    if v - v == 0 then
      out[#out + 1] = pen .. plot.place(curve.steps[i], o.x0, o.x1) .. " "
        .. plot.place(v, o.y1, o.y0)
      if pen == "M" then out[#out + 1] = "h0" end  -- a lone point is a dot
      pen = "L"
    else
      pen = "M"
    end
  end
  return table.concat(out)
end

local function mean_path(means, o)
  local out, pen = {}, "M"
  for column = 0, MEANS - 1 do
    local v = means[column]
    if v then
      out[#out + 1] = ("%s%g %s"):format(
        pen, (column + 0.5) * plot.SIZE / MEANS, plot.place(v, o.y1, o.y0))
    end
    pen = v and "L" or "M"
  end
  return table.concat(out)
end

-- Marks on the lower edge where a value was not finite.
local function gaps(curve, indices, o)
  local out = {}
  for _, i in ipairs(indices) do
    local v = curve.values[i]
    if v - v ~= 0 then
      out[#out + 1] = ("M%s 960V1000"):format(
        plot.place(curve.steps[i], o.x0, o.x1))
    end
  end
  if #out == 0 then return "" end
  return '<path class="bad" d="' .. table.concat(out) .. '"/>'
end

local function is_noisy(curve)
  local facts = curve:summary()
  return curve.n > BUSY and facts.finite > 0
    and facts.travel > NOISE * (facts.greatest - facts.least)
end

local function draw(entry, o)
  local curve = entry.curve
  local indices = curve:thin(COLUMNS, o.x0, o.x1)
  local means = is_noisy(curve) and curve:means(MEANS, o.x0, o.x1)
  local class = ("c%d%s"):format(entry.colour, entry.dashed and " dash" or "")
  local path = raw_path(curve, indices, o)
  local out = {}
  if path ~= "" then
    out[1] = ('<path class="line %s%s" data-curve="%s" d="%s"/>'):format(
      class, means and " pale" or "", html.text(entry.key), path)
  end
  if means then
    out[#out + 1] = ('<path class="line %s" data-mean="%s" d="%s"/>'):format(
      class, html.text(entry.key), mean_path(means, o))
  end
  out[#out + 1] = gaps(curve, indices, o)
  return table.concat(out), #indices, means
end

-- What is not what it seems.
local function remarks(thinned, averaged, hidden, bad)
  local out = {}
  if averaged then
    out[1] = ("Strong lines are means of %d stretches of steps, pale lines the "
              .. "points."):format(MEANS)
  end
  if #thinned > 0 then
    out[#out + 1] = ("Thinned: %s. Drawn of each of %d stretches are the "
      .. "first, least, greatest and last point (M4)."):format(
      table.concat(thinned, "; "), COLUMNS)
  end
  if hidden > 0 then
    out[#out + 1] = ("%d more curves are not drawn."):format(hidden)
  end
  if bad > 0 then
    out[#out + 1] = ('<b class="warn">%s values are not finite</b> (marks on '
      .. 'the lower edge).'):format(html.count(bad))
  end
  return #out > 0 and html.note(table.concat(out, " ")) or ""
end

--- A figure; nothing without points.
---@param o table  curves: { { curve =, label =, key = unique, colour = 1 to 8,
---                dashed = } }; title; x0, x1: steps, if not the curves' own;
---                height: CSS
---@return string
function M.draw(o)
  local list, hidden, bad, thinned, averaged = {}, 0, 0, {}, false
  for _, entry in ipairs(o.curves) do
    if entry.curve.n > 0 then
      if #list < MOST then list[#list + 1] = entry else hidden = hidden + 1 end
    end
  end
  if #list == 0 then return "" end
  local first, last = M.span(list)
  local scale = { x0 = o.x0 or first, x1 = o.x1 or last, height = o.height,
                  label = o.title }
  scale.y0, scale.y1 = values_span(list)
  local parts, legend = {}, {}
  for _, entry in ipairs(list) do
    local svg, drawn, means = draw(entry, scale)
    parts[#parts + 1] = svg
    local facts = entry.curve:summary()
    bad = bad + facts.n - facts.finite
    legend[#legend + 1] = {
      class = ("c%d%s"):format(entry.colour, entry.dashed and " dash" or ""),
      text = entry.label }
    averaged = averaged or means ~= false
    if drawn < facts.n then
      thinned[#thinned + 1] = ("%s, %s of %s points"):format(
        html.text(entry.label), html.count(drawn), html.count(facts.n))
    end
  end
  scale.svg = table.concat(parts)
  return ("<figure><figcaption>%s</figcaption>%s%s%s</figure>\n"):format(
    html.text(o.title), html.legend(legend), plot.figure(scale),
    remarks(thinned, averaged, hidden, bad))
end

return M
