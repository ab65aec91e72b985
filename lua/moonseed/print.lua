--- Tensors as text: values in aligned columns, in the braces that moon.tensor
-- takes, then shape, dtype and device. Waits for the values.
--
--   { { 1.0000, 2.5000 },
--     { 3.0000, 4.0000 } }  2x2 f32 cpu
--
-- Of more than 1000 elements each dimension shows its first and last three, and
-- no others are read. `set_printoptions` says otherwise.

local check = require "moonseed.check"
local create = require "moonseed.create"
local read = require "moonseed.read"
local recorded = require "moonseed.recorded"
local tensor = require "moonseed.tensor"

local methods = tensor.methods

local M = {}

--- Columns that a row may take where the user says nothing.
M.width = 78

-- Digits after the point, elements that are shown in full, how many at each
-- end of a longer dimension, columns (0: M.width).
local options = { precision = 4, threshold = 1000, edge = 3, width = 0 }
local ranges = { precision = { 0, 17 }, threshold = { 0, math.huge },
                 edge = { 1, math.huge }, width = { 20, math.huge } }

local function check_option(name, value)
  local op, range = "set_printoptions", ranges[name]
  if name == "width" and value == 0 then return end
  if name == "threshold" and value == math.huge then return end
  if check.count(op, name, value, range[1]) > range[2] then
    check.fail(op, "%s is at most %d, not %d", name, range[2], value)
  end
end

--- How tensors are printed from now on; what is not given stays.
---@param given table|nil  precision (4), digits after the point; threshold
---                        (1000), the most elements that are shown in full;
---                        edge (3), how many of a dimension's first and last
---                        are shown of more; width, columns, at least 20 (0:
---                        78, in a session the terminal's)
---@return table  the options as they were, for another call
function M.set_printoptions(given)
  given = check.names("set_printoptions", given, ranges)
  local before = {}
  for name, value in pairs(given) do check_option(name, value) end
  for name, value in pairs(options) do before[name] = value end
  for name, value in pairs(given) do options[name] = value end
  return before
end

-- The places (from 0) of a dimension, with false for "..." where it is cut.
local function shown(extent, is_cut)
  local list = {}
  for i = 1, extent do
    if is_cut and i == options.edge + 1 then list[i] = false end
    list[#list + 1] = i - 1
  end
  return list
end

-- Of a tensor with too many elements the edges alone, and which dimensions
-- have been cut to them.
local function edges_of(t)
  local cut, places, edge = {}, 1, options.edge
  for _, extent in ipairs(methods.shape(t)) do
    places = places * math.max(extent, 1)  -- rows of none are shown, too
  end
  if places <= options.threshold then return t, cut end
  t = methods.detach(t)
  for dim, extent in ipairs(methods.shape(t)) do
    if extent > 2 * edge then
      local last = methods.narrow(t, dim, extent - edge + 1, edge)
      t = create.cat({ methods.narrow(t, dim, 1, edge), last }, dim)
      cut[dim] = true
    end
  end
  return t, cut
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
  local whole, smallest, largest = true, math.huge, 0
  each(view, 1, 0, function(v)
    v = tonumber(v)
    if not is_finite(v) then return end
    if v % 1 ~= 0 then whole = false end
    v = math.abs(v)
    if v > largest then largest = v end
    if v > 0 and v < smallest then smallest = v end
  end)
  if whole and largest < 1e7 then return "%.0f" end
  local far = largest >= 1e6 or (largest > 0 and largest < 1e-2)
              or largest / smallest > 1e6
  return "%." .. options.precision .. (far and "e" or "f")
end

local function writer(view, dtype)
  if dtype == "bool" then
    return function(v) return tonumber(v) ~= 0 and "true" or "false" end
  end
  if dtype == "i64" then  -- int64_t, beyond what a Lua number holds
    return function(v) return (tostring(v):gsub("LL$", "")) end
  end
  local format = check.floating[dtype] and float_format(view) or "%.0f"
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
  local width = options.width > 0 and options.width or M.width
  local list = view.shown[#view.shape]
  for place, i in ipairs(list) do
    local text = "..."
    if i then
      text = view.write(view.data[at + i])
      text = (" "):rep(view.width - #text) .. text
    end
    if place < #list then text = text .. "," end
    if #indent + #line + #text > width and line ~= "{ " then
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

-- What is shown of a tensor with dimensions.
local function make_view(t)
  local cut
  t, cut = edges_of(t)
  local shape = methods.shape(t)
  local view = { shape = shape, data = read.values(t), strides = {},
                 shown = {}, width = 0, kept = t }
  local stride = 1
  for d = #shape, 1, -1 do
    view.strides[d] = stride
    stride = stride * shape[d]
    view.shown[d] = shown(shape[d], cut[d])
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
  recorded.refuse_read "tostring"
  tensor.alive("tostring", t)
  if methods.ndim(t) == 0 then
    local view = make_view(methods.view(t, 1))
    return view.write(view.data[0]) .. "  " .. describe(t)
  end
  return block(make_view(t), 1, 0, "") .. "  " .. describe(t)
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
