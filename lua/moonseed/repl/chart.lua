--- Curves as text: dots of braille characters, or letters where the terminal
--- shows no UTF-8.
--
--   2.30 |⠢⡀
--        | ⠈⠢⣀
--   0.41 |    ⠉⠒⠤⠤⠤⣀⣀
--        +-------------
--         0        1200

local M = {}

---@class Curve
---@field name string
---@field steps number[]
---@field values number[]

local NOTHING = { "nothing to draw yet: no finite values" }
local MARKS = { "*", "o", "+", "x" }
local COLOURS = { "36", "33", "35", "32" }

local function is_finite(v)
  return v == v and v ~= math.huge and v ~= -math.huge
end

-- Least and largest of what is finite; nil without any.
local function range(lists)
  local least, largest
  for _, list in ipairs(lists) do
    for _, v in ipairs(list) do
      if is_finite(v) then
        least = math.min(least or v, v)
        largest = math.max(largest or v, v)
      end
    end
  end
  if least == largest and least then
    local half = least == 0 and 1 or math.abs(least) / 2
    return least - half, largest + half
  end
  return least, largest
end

-- The mean of the values that share one of `columns` places: a long and noisy
-- curve would be a band.
local function thin(curve, columns, x0, x1)
  local steps, values, count, at = {}, {}, 0, nil
  if #curve.values <= columns then return curve end
  for i, value in ipairs(curve.values) do
    local step = curve.steps[i]
    if is_finite(value) and is_finite(step) then
      local place = math.floor((step - x0) / (x1 - x0) * (columns - 1) + 0.5)
      if place ~= at then
        at, count = place, 0
        steps[#steps + 1] = x0 + place / (columns - 1) * (x1 - x0)
      end
      local n = #steps
      count = count + 1
      values[n] = (values[n] or 0) + (value - (values[n] or 0)) / count
    end
  end
  return { name = curve.name, steps = steps, values = values }
end

-- --- a grid of dots --------------------------------------------------------

-- Dots of a braille character by column and row within it (Unicode 28xx).
local braille = { [0] = { [0] = 0x01, 0x02, 0x04, 0x40 },
                  { [0] = 0x08, 0x10, 0x20, 0x80 } }

local function braille_text(dots)
  local code = 0x2800 + dots
  return string.char(0xE0 + math.floor(code / 4096),
                     0x80 + math.floor(code / 64) % 64, 0x80 + code % 64)
end

-- `columns` x `rows` characters; of 2x4 dots each with braille, else of one.
local function new_grid(columns, rows, unicode)
  local grid = { columns = columns, rows = rows, cells = {} }
  local across, down = unicode and 2 or 1, unicode and 4 or 1
  grid.width, grid.height = columns * across, rows * down
  function grid.dot(x, y, number)
    local column, row = math.floor(x / across), math.floor(y / down)
    local at = row * columns + column
    local cell = grid.cells[at] or { dots = 0 }
    grid.cells[at] = cell
    cell.number = number
    if unicode then
      cell.dots = bit.bor(cell.dots, braille[x % 2][y % 4])
    end
  end
  return grid
end

local function cell_text(cell, unicode, colour)
  if not cell then return " " end
  local text = unicode and braille_text(cell.dots)
    or MARKS[(cell.number - 1) % #MARKS + 1]
  if not colour then return text end
  return ("\27[%sm%s\27[0m"):format(COLOURS[(cell.number - 1) % #COLOURS + 1],
                                    text)
end

local function line(grid, x0, y0, x1, y1, number)
  local n = math.max(math.abs(x1 - x0), math.abs(y1 - y0), 1)
  for i = 0, n do
    grid.dot(math.floor(x0 + (x1 - x0) * i / n + 0.5),
             math.floor(y0 + (y1 - y0) * i / n + 0.5), number)
  end
end

-- Joins neighbours; what is not finite leaves a gap.
local function trace(grid, curve, number, window)
  local last_x, last_y
  for i, value in ipairs(curve.values) do
    local step = curve.steps[i]
    if is_finite(value) and is_finite(step) then
      local x = (step - window.x0) / (window.x1 - window.x0)
      local y = (window.y1 - value) / (window.y1 - window.y0)
      x = math.floor(x * (grid.width - 1) + 0.5)
      y = math.floor(y * (grid.height - 1) + 0.5)
      line(grid, last_x or x, last_y or y, x, y, number)
      last_x, last_y = x, y
    else
      last_x, last_y = nil, nil
    end
  end
end

-- --- axes ------------------------------------------------------------------

local function short(v)
  if v % 1 == 0 and math.abs(v) < 1e6 then return ("%d"):format(v) end
  return ("%.4g"):format(v)
end

local function right(text, columns)
  return (" "):rep(columns - #text) .. text
end

local function y_labels(rows, window)
  local labels, widest = {}, 0
  for _, row in ipairs{ 0, math.floor((rows - 1) / 2), rows - 1 } do
    local share = rows > 1 and row / (rows - 1) or 0
    labels[row] = short(window.y1 + (window.y0 - window.y1) * share)
    widest = math.max(widest, #labels[row])
  end
  return labels, widest
end

local function legend(curves, colour)
  local parts = {}
  for i, curve in ipairs(curves) do
    local mark = MARKS[(i - 1) % #MARKS + 1]
    local last = curve.values[#curve.values]
    local text = curve.name .. (last and " " .. short(last) or "")
    if colour then
      text = ("\27[%sm%s\27[0m"):format(COLOURS[(i - 1) % #COLOURS + 1], text)
    elseif #curves > 1 then
      text = mark .. " " .. text
    end
    parts[i] = text
  end
  return table.concat(parts, "   ")
end

local function body(grid, labels, widest, style)
  local bar = style.unicode and "│" or "|"
  local rows = {}
  for r = 0, grid.rows - 1 do
    local parts = { right(labels[r] or "", widest), " ", bar }
    for c = 0, grid.columns - 1 do
      parts[#parts + 1] = cell_text(grid.cells[r * grid.columns + c],
                                    style.unicode, style.colour)
    end
    rows[#rows + 1] = (table.concat(parts):gsub(" +$", ""))
  end
  return rows
end

local function x_axis(grid, widest, window, unicode)
  local corner, dash = unicode and "└" or "+", unicode and "─" or "-"
  local first, last = short(window.x0), short(window.x1)
  local gap = math.max(1, grid.columns - #first - #last)
  return (" "):rep(widest + 1) .. corner .. dash:rep(grid.columns),
    (" "):rep(widest + 2) .. first .. (" "):rep(gap) .. last
end

local function lists_of(curves, field)
  local lists = {}
  for i, curve in ipairs(curves) do lists[i] = curve[field] end
  return lists
end

--- The chart's rows; says so if nothing can be drawn.
---@param curves Curve[]
---@param style table  columns, rows: of the whole; unicode, colour: boolean
---@return string[]
function M.rows(curves, style)
  local window, drawn = {}, {}
  window.x0, window.x1 = range(lists_of(curves, "steps"))
  if not window.x0 then return NOTHING end
  local places = style.columns * (style.unicode and 2 or 1)
  for i, curve in ipairs(curves) do
    drawn[i] = thin(curve, places, window.x0, window.x1)
  end
  window.y0, window.y1 = range(lists_of(drawn, "values"))
  if not window.y0 then return NOTHING end
  local rows = math.max(3, style.rows - 3)
  local labels, widest = y_labels(rows, window)
  local columns = math.max(8, style.columns - widest - 3)
  local grid = new_grid(columns, rows, style.unicode)
  for i = #curves, 1, -1 do trace(grid, drawn[i], i, window) end
  local text = body(grid, labels, widest, style)
  table.insert(text, 1, legend(curves, style.colour))
  text[#text + 1], text[#text + 2] = x_axis(grid, widest, window, style.unicode)
  return text
end

return M
