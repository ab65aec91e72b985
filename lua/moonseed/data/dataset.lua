--- A data set: examples x with their targets y, counted by `#`.
--
-- It keeps the tensors it was made of (`source_x`, `source_y`) and, once it is
-- a part of another, which of their rows are its own (`index`, i64, from 0).
-- Parts share the tensors. Images in u8 stay u8 here, a quarter of the memory,
-- and become f32 in [0, 1] whenever they are handed out.
--
-- Lua 5.1 has no `#` for tables, so a data set is a userdata.
local batches = require "moonseed.data.batches"
local check = require "moonseed.check"
local moon = require "moonseed"
local rows = require "moonseed.data.rows"

local M = {}
local Dataset = {}
local computed = {}

--- A data set from its fields: source_x, n, and optionally source_y, index,
--- classes, origin (how the whole is read again: { reader, options }).
---@param fields table
---@return userdata dataset
function M.new(fields)
  local self = newproxy(true)
  local meta = getmetatable(self)
  fields.epochs = {}
  meta.__index = function(_, key)
    if computed[key] then return computed[key](fields) end
    local value = fields[key]
    if value == nil then return Dataset[key] end
    return value
  end
  meta.__len = function() return fields.n end
  meta.__tostring = function()
    local shape = table.concat(fields.source_x:shape(), "x", 2)
    return ("dataset of %d examples %s"):format(fields.n, shape)
  end
  return self
end

-- All examples, made anew at each access.
function computed.x(self)
  return rows.x(self, self.index or moon.arange(0, self.n, { dtype = "i64" }))
end

function computed.y(self)
  if not self.source_y or not self.index then return self.source_y end
  return rows.y(self, self.index)
end

-- The part that `index` picks of this one.
local function part(self, index, n)
  return M.new{ source_x = self.source_x, source_y = self.source_y, n = n,
                index = rows.of(self, index), classes = self.classes,
                origin = self.origin }
end

--- Example i: x without the first dimension, y as a tensor.
---@param i integer from 1, or from -1 back
---@return userdata x, userdata? y
function Dataset:get(i)
  local at = check.position("get", i, self.n)
  local index = rows.of(self, moon.tensor({ at }, { dtype = "i64" }))
  local y = rows.y(self, index)
  return rows.x(self, index)[1], y and y[1]
end

--- `length` examples from the one at `start`, counted from 1.
---@param start integer
---@param length integer
---@return userdata dataset
function Dataset:narrow(start, length)
  check.count("narrow", "start", start, 1)
  check.count("narrow", "length", length)
  if start + length - 1 > self.n then
    check.fail("narrow", "%d examples from %d of %d", length, start, self.n)
  end
  local index = moon.arange(start - 1, start - 1 + length, { dtype = "i64" })
  return part(self, index, length)
end

--- The examples at the given positions.
---@param positions integer[] from 1
---@return userdata dataset
function Dataset:subset(positions)
  check.table("subset", "its argument", positions)
  local index = {}
  for i, position in ipairs(positions) do
    index[i] = check.position("subset", position, self.n)
  end
  return part(self, moon.tensor(index, { dtype = "i64" }), #index)
end

--- The examples in these rows of what the data set was read from.
---@param index userdata i64 [n], from 0
---@return userdata dataset
function Dataset:rows(index)
  return M.new{ source_x = self.source_x, source_y = self.source_y,
                n = index:size(1), index = index, classes = self.classes,
                origin = self.origin }
end

--- split{ n, rng_seed = 0 }: two parts, without n random examples and those n.
--- The same seed gives the same parts.
---@param options table
---@return userdata rest, userdata picked
function Dataset:split(options)
  local o = check.options("split", options, { "n" }, { rng_seed = 0 })
  local n = check.count("split", "n", o.n)
  if n > self.n then check.fail("split", "%d of %d examples", n, self.n) end
  check.count("split", "rng_seed", o.rng_seed)
  local order = rows.permutation(self.n, o.rng_seed)
  local rest = self.n - n
  return part(self, order:narrow(1, 1, rest), rest),
    part(self, order:narrow(1, rest + 1, n), n)
end

--- An epoch: see batches.lua.
---@param options table
---@return fun(): userdata?, userdata?
function Dataset:batches(options) return batches(self, options) end

return M
