--- The frame of a figure: axes around an area that is drawn in SVG.
--
-- The area is 1000 x 1000 units, stretched to what room there is; lines keep
-- their width. Text stands beside it in HTML, so it has one size on every
-- screen.

local columns = require "moonseed.seed.columns"
local html = require "moonseed.train.report.html"

local M = {}

--- Units of an area, both ways.
M.SIZE = 1000

--- A coordinate in units, with one decimal at most.
---@param value number
---@param low number   of the axis
---@param high number
---@return string
function M.place(value, low, high)
  local units = (value - low) / (high - low) * M.SIZE
  return (("%.1f"):format(units):gsub("%.0$", ""))
end

--- Round values on an axis, about `n`: 1, 2 or 5 of a power of ten apart.
---@param low number
---@param high number
---@param n integer
---@return number[]
function M.ticks(low, high, n)
  local rough = (high - low) / n
  local power = 10 ^ math.floor(math.log10(rough))
  local part = rough / power
  local step = (part < 1.5 and 1 or part < 3.5 and 2 or part < 7.5 and 5 or 10)
    * power
  local list = {}
  for k = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9) do
    list[#list + 1] = k * step + 0  -- no -0
  end
  return list
end

local function short(value)
  if value == 0 then return "0" end
  local size = math.abs(value)
  if size >= 1e4 then return (columns.short(value):gsub(" ", "")) end
  return ("%.4g"):format(value)
end

local function horizontal(o, ticks)
  local out = {}
  for _, tick in ipairs(ticks) do
    local share = (tick - o.x0) / (o.x1 - o.x0) * 100
    local edge = share > 94 and ' class="e"' or share < 4 and ' class="s"' or ""
    out[#out + 1] = ('<span%s style="left:%.4g%%">%s</span>'):format(
      edge, share, (o.x_text or columns.thousands)(tick))
  end
  return table.concat(out)
end

local function vertical(o, ticks)
  local out = {}
  for _, tick in ipairs(ticks) do
    local share = (o.y1 - tick) / (o.y1 - o.y0) * 100
    out[#out + 1] = ('<span style="top:%.4g%%">%s</span>'):format(
      share, (o.y_text or short)(tick))
  end
  return table.concat(out)
end

local function grid(o, xs, ys)
  local out = { '<path class="grid" d="' }
  for _, x in ipairs(xs) do
    out[#out + 1] = ("M%s 0V1000"):format(M.place(x, o.x0, o.x1))
  end
  for _, y in ipairs(ys) do
    out[#out + 1] = ("M0 %sH1000"):format(M.place(y, o.y1, o.y0))
  end
  out[#out + 1] = '"/>'
  return table.concat(out)
end

--- The scale of an area as attributes, for who wants to read values off it.
local function scale(o)
  return ('data-x0="%.17g" data-x1="%.17g" data-y0="%.17g" data-y1="%.17g"')
    :format(o.x0, o.x1, o.y0, o.y1)
end

--- A figure with both axes.
---@param o table  x0, x1, y0, y1: the scale; svg: what is drawn; height: CSS;
---                label: what it shows; x_text, y_text: number -> text
---@return string
function M.figure(o)
  local xs, ys = M.ticks(o.x0, o.x1, 5), M.ticks(o.y0, o.y1, 4)
  return table.concat{
    '<div class="plot" style="--h:', o.height or "13rem", '"><div class="ya">',
    vertical(o, ys), '</div><div class="area"><svg role="img" aria-label="',
    html.text(o.label), '" viewBox="0 0 1000 1000" preserveAspectRatio="none" ',
    scale(o), ">", grid(o, xs, ys), o.svg, '</svg></div><div class="xa">',
    horizontal(o, xs), "</div></div>\n" }
end

--- Lanes below each other, with one axis.
---@param o table  x0, x1; lanes: { title =, svg = }; height: CSS, of a lane;
---                label; x_text: number -> text
---@return string
function M.lanes(o)
  local xs = M.ticks(o.x0, o.x1, 5)
  o.y0, o.y1 = 0, 1
  local out = { ('<div class="plot lanes" style="--h:%s">'):format(
    o.height or "2.4rem") }
  for _, lane in ipairs(o.lanes) do
    out[#out + 1] = table.concat{
      '<div class="name">', html.text(lane.title), '</div><div class="area">',
      '<svg role="img" aria-label="', html.text(o.label .. " " .. lane.title),
      '" viewBox="0 0 1000 1000" preserveAspectRatio="none" ', scale(o), ">",
      grid(o, xs, {}), lane.svg, "</svg></div>" }
  end
  out[#out + 1] = '<div class="xa">' .. horizontal(o, xs) .. "</div></div>\n"
  return table.concat(out)
end

return M
