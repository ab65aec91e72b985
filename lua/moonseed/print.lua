--- Tensors as text: values in aligned columns, in the braces that moon.tensor
-- takes, then shape, dtype and device. Waits for the values.
--
--   { { 1.0000, 2.5000 },
--     { 3.0000, 4.0000 } }  2x2 f32 cpu
--
-- Of more than 1000 elements each dimension shows its first and last three.

local read = require "moonseed.read"
local tensor = require "moonseed.tensor"

local methods = tensor.methods

local M = {}

local MOST, EDGE = 1000, 3

--- Columns that a row may take.
M.width = 78

-- Positions (from 0) to show of an extent, with false for "...".
local function shown(extent, short)
  local list = {}
  if not short or extent <= 2 * EDGE then
    for i = 1, extent do list[i] = i - 1 end
    return list
  end
  for i = 1, EDGE do list[i] = i - 1 end
  list[EDGE + 1] = false
  for i = extent - EDGE, extent - 1 do list[#list + 1] = i end
  return list
end

-- Calls visit(value) for each element shown, in logical order.
local function each(view, depth, at, visit)
  local stride = view.strides[depth]
  for _, i in ipairs(view.shown[depth]) do
    if i and depth == #view.shape then
      visit(view.data[at + i])
    elseif i then
      each(view, depth + 1, at + i * stride, visit)
    end
  end
end

-- --- one number ----------------------------------------------------------

local function is_finite(v)
  return v == v and v ~= math.huge and v ~= -math.huge
end

-- What the values have in common decides how each is written.
local function float_format(view)
  local whole, least, largest = true, math.huge, 0
  each(view, 1, 0, function(v)
    v = tonumber(v)
    if not is_finite(v) then return end
    if v % 1 ~= 0 then whole = false end
    v = math.abs(v)
    if v > largest then largest = v end
    if v > 0 and v < least then least = v end
  end)
  if whole and largest < 1e7 then return "%.0f" end
  if largest >= 1e6 or (largest > 0 and largest < 1e-2) or
      largest / least > 1e6 then
    return "%.4e"
  end
  return "%.4f"
end

local function writer(view, dtype)
  if dtype == "bool" then
    return function(v) return tonumber(v) ~= 0 and "true" or "false" end
  end
  if dtype == "i64" then  -- int64_t, beyond what a Lua number holds
    return function(v) return (tostring(v):gsub("LL$", "")) end
  end
  local float = dtype == "f32" or dtype == "f64"
  local format = float and float_format(view) or "%.0f"
  return function(v)
    v = tonumber(v)
    if v ~= v then return "nan" end
    if not is_finite(v) then return v > 0 and "inf" or "-inf" end
    return format:format(v)
  end
end

-- --- nested braces -------------------------------------------------------

-- One row: its numbers, broken where the line is full.
local function row(view, at, indent)
  local lines, line = {}, "{ "
  local list = view.shown[#view.shape]
  for place, i in ipairs(list) do
    local text = "..."
    if i then
      text = view.write(view.data[at + i])
      text = (" "):rep(view.width - #text) .. text
    end
    if place < #list then text = text .. "," end
    if #indent + #line + #text > M.width and line ~= "{ " then
      lines[#lines + 1] = line
      line = "  "
    end
    line = line .. text .. (place < #list and " " or "")
  end
  lines[#lines + 1] = #list == 0 and "{}" or line .. " }"
  return (table.concat(lines, "\n" .. indent):gsub(" +\n", "\n"))
end

local function block(view, depth, at, indent)
  if depth == #view.shape then return row(view, at, indent) end
  local parts, list = {}, view.shown[depth]
  for _, i in ipairs(list) do
    local inner = i and block(view, depth + 1, at + i * view.strides[depth],
                              indent .. "  ") or "..."
    parts[#parts + 1] = inner
  end
  if #parts == 0 then return "{}" end
  return "{ " .. table.concat(parts, ",\n" .. indent .. "  ") .. " }"
end

local function describe(t)
  return ("%s %s %s"):format(tensor.shape_text(t), methods.dtype(t),
                             methods.device(t))
end

local function make_view(t, data)
  local shape = methods.shape(t)
  local view = { shape = shape, data = data, strides = {}, shown = {},
                 width = 0 }
  local stride, places = 1, 1  -- even where there are no elements, rows are
  for d = #shape, 1, -1 do
    view.strides[d] = stride
    stride = stride * shape[d]
    places = places * math.max(shape[d], 1)
  end
  for d, extent in ipairs(shape) do
    view.shown[d] = shown(extent, places > MOST)
  end
  view.write = writer(view, methods.dtype(t))
  each(view, 1, 0, function(v)
    view.width = math.max(view.width, #view.write(v))
  end)
  return view
end

-- --- text and print ------------------------------------------------------

--- The tensor's values, shape, dtype and device.
---@param t userdata  a tensor; waits for it
---@return string
function M.text(t)
  local data = read.values(methods.ndim(t) == 0 and methods.view(t, 1) or t)
  if methods.ndim(t) == 0 then
    local view = { shape = { 1 }, data = data, strides = { 1 },
                   shown = { { 0 } } }
    return writer(view, methods.dtype(t))(data[0]) .. "  " .. describe(t)
  end
  return block(make_view(t, data), 1, 0, "") .. "  " .. describe(t)
end

--- As Lua's print, but waits for tensors without blocking the loop.
---@param ... any
function M.print(...)
  local list, n = { ... }, select("#", ...)
  for i = 1, n do
    list[i] = tensor.is(list[i]) and M.text(list[i]) or tostring(list[i])
  end
  io.write(table.concat(list, "\t", 1, n), "\n")
end

return M
