--- Examples that a Lua function makes, one by one.
local check = require "moonseed.check"
local moon = require "moonseed"
local rows = require "moonseed.data.rows"
local source = require "moonseed.data.source"

local Made = source.class()

--- fn(i), from 1, gives x (a tensor, or a number or table for one) and y (a
--- tensor or a number) or nothing.
---@param n integer
---@param fn function
---@param dtype string|nil  of targets that are numbers; nil: there are none
---@return table source
function Made.new(n, fn, dtype)
  return setmetatable({ n = n, fn = fn, dtype = dtype, on_host = true,
                        labelled = dtype ~= nil }, Made)
end

-- What examples gave -> one tensor.
local function join(values, options)
  if moon.is_tensor(values[1]) then return moon.stack(values, 1) end
  return moon.tensor(values, options)
end

local function check_target(self, i, y)
  if self.labelled == (y ~= nil) then return end
  check.fail("from", "example %d has %s target%s", i, y == nil and "no" or "a",
             y ~= nil and ', but y = "none" was said'
             or '; say y = "none" where there are none')
end

--- The examples of these rows, as they are kept.
---@param pick table
---@return userdata x
---@return userdata? y
function Made:raw(pick)
  local xs, ys = {}, {}
  for k, row in ipairs(rows.list(pick)) do
    xs[k], ys[k] = self.fn(row + 1)
    if xs[k] == nil then check.fail("from", "example %d is nil", row + 1) end
    check_target(self, row + 1, ys[k])
  end
  if #xs == 0 then check.fail("from", "there are no examples in this part") end
  return join(xs), self.labelled and join(ys, { dtype = self.dtype }) or nil
end

return Made
