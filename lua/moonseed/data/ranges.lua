--- Ranges and lists of numbers among the options of augmentation.
local check = require "moonseed.check"

local M = {}

--- { from, to } into `out`.
---@param op string
---@param name string
---@param value any
---@param out userdata double[2]
function M.pair(op, name, value, out)
  if type(value) ~= "table" or #value ~= 2 then
    check.fail(op, "%s is { from, to }, not a %s", name, type(value))
  end
  out[0] = check.number(op, name, value[1])
  out[1] = check.number(op, name, value[2])
end

--- A number n for [middle - n, middle + n] (from 0 where the middle is 1), or
--- { from, to }.
---@param op string
---@param name string
---@param value any
---@param middle number
---@param out userdata double[2]
function M.about(op, name, value, middle, out)
  if type(value) == "table" then
    M.pair(op, name, value, out)
    return
  end
  check.number(op, name, value)
  out[0], out[1] = middle - value, middle + value
  if middle == 1 then out[0] = math.max(0, out[0]) end
end

--- Height and width: a number, or { height, width }.
---@param op string
---@param name string
---@param value any
---@return number, number
function M.sizes(op, name, value)
  if type(value) == "number" then return value, value end
  if type(value) ~= "table" or #value ~= 2 then
    check.fail(op, "%s is a number or { height, width }", name)
  end
  return check.number(op, name, value[1]), check.number(op, name, value[2])
end

--- A list of numbers, each more than `least` if that is given.
---@param op string
---@param name string
---@param value any
---@param least number|nil
function M.list(op, name, value, least)
  check.table(op, name, value)
  if #value == 0 then check.fail(op, "%s is empty", name) end
  for i, v in ipairs(value) do
    check.number(op, ("%s[%d]"):format(name, i), v)
    if least and (v ~= v or v <= least) then
      check.fail(op, "%s[%d] is %g, more than %g needed", name, i, v, least)
    end
  end
end

return M
