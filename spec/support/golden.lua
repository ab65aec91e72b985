-- Golden cases: spec/golden/*.lua, made by make_golden.py. Here are the
-- generated inputs (the formula of spec/golden/case.py) and the comparison.

local moon = require "moonseed"

local M = {}

local WEIGHT_SALT = 99

-- From a whole number in [0, 65536] to a value that is exact in f32.
local fills = {
  signed = function(s) return (s - 32768) / 2 ^ 14 end,
  positive = function(s) return (s + 4096) / 2 ^ 15 end,
  unit = function(s) return s / 2 ^ 16 end,
  wide = function(s) return (s - 32768) / 2 ^ 9 end,
  coarse = function(s) return s % 5 - 2 end,
}

local function product(shape)
  local n = 1
  for _, extent in ipairs(shape) do n = n * extent end
  return n
end

local function values(input)
  local list, state = {}, input.salt * 7 + 1
  local fill = fills[input.fill] or function(s) return s % input.below end
  for i = 1, product(input.shape) do
    state = (state * 75 + 74) % 65537
    list[i] = fill(state)
  end
  return list
end

--- The input tensor of a description.
---@param input table   shape, salt, fill, below, grad
---@param dtype string  of floating inputs
---@return userdata
function M.tensor(input, dtype)
  if input.fill == "index" then dtype = "i64" end
  local t = moon.tensor(values(input), { dtype = dtype }):reshape(input.shape)
  if input.grad then t:requires_grad() end
  return t
end

--- The gradient that the cases give their first output.
---@param shape integer[]
---@param dtype string
---@return userdata
function M.weight(shape, dtype)
  return M.tensor({ shape = shape, salt = WEIGHT_SALT, fill = "signed" }, dtype)
end

local function number(value)
  if type(value) == "boolean" then return value and 1 or 0 end
  return value
end

--- What differs between a tensor and golden values, or nil.
---@param t userdata
---@param golden table      shape, values
---@param tolerance number  relative to the largest golden value
---@return string?
function M.difference(t, golden, tolerance)
  local shape = table.concat(t:shape(), "x")
  if shape ~= table.concat(golden.shape, "x") then
    return ("shape %s, golden %s"):format(shape,
      table.concat(golden.shape, "x"))
  end
  local got, most = t:reshape(#golden.values):totable(), 0
  for _, value in ipairs(golden.values) do
    most = math.max(most, math.abs(value))
  end
  for i, value in ipairs(golden.values) do
    local mine = number(got[i])
    local close = math.abs(mine - value) <= tolerance * most
    if not close then
      return ("element %d is %.17g, golden %.17g, largest %g"):format(i, mine,
        value, most)
    end
  end
end

return M
