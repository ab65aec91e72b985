--- Tensors as text: values in aligned columns, in the braces that moon.tensor
-- takes, then shape, dtype and device. Waits for the values.
--
--   { { 1.0000, 2.5000 },
--     { 3.0000, 4.0000 } }  2x2 f32 cpu
--
-- Of more than 1000 elements each dimension shows its first and last three;
-- moon.set_printoptions says otherwise.

local core = require "moonseed.ffi"
local check = require "moonseed.check"
local read = require "moonseed.read"
local tensor = require "moonseed.tensor"
local wait = require "moonseed.wait"
local C, ffi = core.C, core.ffi

local methods = tensor.methods

local M = {}

-- linewidth: nil, M.width; sci_mode: nil, as the values are.
local defaults = { precision = 4, threshold = 1000, edgeitems = 3,
                   linewidth = check.optional, sci_mode = check.optional }
local options = { precision = 4, threshold = 1000, edgeitems = 3 }

--- Columns that a row may take, unless set_printoptions says so.
M.width = 78

--- How tensors are printed from now on; what is not given is as it was at the
--- beginning.
---@param given table|nil  precision (4), digits after the point; threshold
--- (1000), elements above which only the first and last edgeitems (3) of each
--- dimension are shown; linewidth, columns, at the REPL the terminal's unless
--- given; sci_mode, true or false for 1.0000e+00 always or never, else where
--- the values ask for it
---@return table  the options, as they were before
function M.set_printoptions(given)
  local op = "set_printoptions"
  local o = check.options(op, given, {}, defaults)
  check.count(op, "precision", o.precision)
  if o.precision > 17 then
    check.fail(op, "precision is at most 17, not %d", o.precision)
  end
  check.count(op, "threshold", o.threshold)
  check.count(op, "edgeitems", o.edgeitems, 1)
  if o.linewidth ~= nil then check.count(op, "linewidth", o.linewidth, 1) end
  if o.sci_mode ~= nil then check.boolean(op, "sci_mode", o.sci_mode) end
  local before = options
  options = o
  return before
end

-- Positions (from 0) to show of an extent, with false for "...".
local function shown(extent, short)
  local list = {}
  local edge = options.edgeitems
  if not short or extent <= 2 * edge then
    for i = 1, extent do list[i] = i - 1 end
    return list
  end
  for i = 1, edge do list[i] = i - 1 end
  list[edge + 1] = false
  for i = extent - edge, extent - 1 do list[#list + 1] = i end
  return list
end

-- Calls visit(value) for each element shown, in logical order.
local function each(view, depth, at, visit)
  local stride = view.strides[depth]
  for _, i in ipairs(view.shown[depth]) do
    if i and depth == #view.shape then
      visit(view.data[at + i * stride])
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
  local plain = ("%%.%df"):format(options.precision)
  local scientific = ("%%.%de"):format(options.precision)
  if options.sci_mode ~= nil then
    return options.sci_mode and scientific or plain
  end
  if whole and largest < 1e7 then return "%.0f" end
  if largest >= 1e6 or (largest > 0 and largest < 1e-2) or
      largest / least > 1e6 then
    return scientific
  end
  return plain
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
  local list, stride = view.shown[#view.shape], view.strides[#view.shape]
  local most = options.linewidth or M.width
  for place, i in ipairs(list) do
    local text = "..."
    if i then
      text = view.write(view.data[at + i * stride])
      text = (" "):rep(view.width - #text) .. text
    end
    if place < #list then text = text .. "," end
    if #indent + #line + #text > most and line ~= "{ " then
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

-- The values where they lie: a large tensor is not copied to be looked at.
local function make_view(t)
  local shape, p = methods.shape(t), t.p
  local view = { shape = shape, strides = {}, shown = {}, width = 0 }
  view.data = ffi.cast(read.pointer_type(methods.dtype(t), false),
                       C.moon_tensor_data(p))
  local places = 1  -- even where there are no elements, rows are
  for d, extent in ipairs(shape) do
    view.strides[d] = tonumber(C.moon_tensor_strides(p)[d - 1])
    places = places * math.max(extent, 1)
  end
  for d, extent in ipairs(shape) do
    view.shown[d] = shown(extent, places > options.threshold)
  end
  if #shape == 0 then view.strides, view.shown = { 1 }, { { 0 } } end
  return view
end

-- --- text and print ------------------------------------------------------

--- The tensor's values, shape, dtype and device.
---@param t userdata  a tensor; waits for it
---@return string
function M.text(t)
  local host = read.on_host(t)
  wait.tensor(host)
  local view, tail = make_view(host), "  " .. describe(t)
  if #view.shape == 0 then
    view.shape = { 1 }
    return writer(view, methods.dtype(t))(view.data[0]) .. tail
  end
  view.write = writer(view, methods.dtype(t))
  each(view, 1, 0, function(v)
    view.width = math.max(view.width, #view.write(v))
  end)
  return tensor.after(block(view, 1, 0, "") .. tail, host)
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
