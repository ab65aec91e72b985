--- A data set: examples x with their targets y, counted by `#`.
--
-- It has a source, which it shares with its parts, and, once it is a part,
-- which of the source's rows are its own (`index`, i64, from 0).
--
-- Lua 5.1 has no `#` for tables, so a data set is a userdata.
local batches = require "moonseed.data.batches"
local check = require "moonseed.check"
local moon = require "moonseed"
local rows = require "moonseed.data.rows"
local Joined = require "moonseed.data.source.joined"
local Mapped = require "moonseed.data.source.mapped"
local Tensors = require "moonseed.data.source.tensors"

local M = {}
local Dataset = {}
local computed = {}

local function text(fields)
  local shape = fields.source.shape
  return ("dataset of %d examples%s"):format(fields.n, shape and " " .. shape
                                             or "")
end

--- A data set from its fields: source, and optionally n (the source's unless
--- given), index, classes, columns, categories, origin (how the whole is read
--- again: { reader, options }).
---@param fields table
---@return userdata dataset
function M.new(fields)
  local self = newproxy(true)
  local meta = getmetatable(self)
  fields.n = fields.n or fields.source.n
  fields.epochs, fields.kept = {}, {}
  meta.__index = function(_, key)
    if computed[key] then return computed[key](self) end
    local value = fields[key]
    if value == nil then return Dataset[key] end
    return value
  end
  meta.__len = function() return fields.n end
  meta.__tostring = function() return text(fields) end
  return self
end

--- A data set of tensors: x [N, ...], y [N, ...] or nil.
---@param x userdata
---@param y userdata|nil
---@param fields table|nil  of the data set, see M.new
---@return userdata dataset
function M.of(x, y, fields)
  fields = fields or {}
  fields.source = Tensors.new(x, y)
  return M.new(fields)
end

-- All examples, made anew at each access.
function computed.x(self) return (rows.read(self, rows.all(self.n))) end

function computed.y(self)
  local source = self.source
  if not source.labelled then return nil end
  if source.y and not self.index then return source.y end
  return rows.targets(self, rows.all(self.n))
end

function computed.labelled(self) return self.source.labelled end

-- With other fields in the place of some of its own.
local function like(self, fields)
  for _, name in ipairs{ "source", "classes", "columns", "categories",
                         "origin" } do
    if fields[name] == nil then fields[name] = self[name] end
  end
  return M.new(fields)
end

-- The part that a pick has of this one.
local function part(self, pick)
  local index = rows.tensor(rows.of(self, pick))
  return like(self, { index = index, n = rows.count(pick) })
end

--- Example i: x without the first dimension, y as a tensor.
---@param i integer from 1, or from -1 back
---@return userdata x, userdata? y
function Dataset:get(i)
  local x, y = rows.read(self, { list = { check.position("get", i, self.n) } })
  return x[1], y and y[1]
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
  return part(self, { tensor = moon.arange(start - 1, start - 1 + length,
                                           { dtype = "i64" }) })
end

--- The examples at the given positions; one may come several times.
---@param positions integer[] from 1
---@return userdata dataset
function Dataset:subset(positions)
  check.table("subset", "its argument", positions)
  local list = {}
  for i, position in ipairs(positions) do
    list[i] = check.position("subset", position, self.n)
  end
  return part(self, { list = list })
end

--- The examples in these rows of what the data set was read from.
---@param index userdata i64 [n], from 0
---@return userdata dataset
function Dataset:rows(index)
  return like(self, { index = index, n = index:size(1) })
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
  local order = { tensor = rows.permutation(self.n, o.rng_seed) }
  local rest = self.n - n
  return part(self, rows.slice(order, 0, rest)),
    part(self, rows.slice(order, rest, n))
end

--- What fn(x, y) makes of every batch, with as many examples: x [B, ...] as
--- users see it, y [B, ...] or nil. It may use any op and draw random numbers,
--- which the epoch tells; flip, crop and the like come after it.
---@param fn fun(x: userdata, y: userdata?): userdata, userdata?
---@return userdata dataset
function Dataset:map(fn)
  check.callable("map", "its argument", fn)
  return M.new{ source = Mapped.new(self, fn), classes = self.classes }
end

--- The examples of this one, then those of the others.
---@param ... userdata data sets
---@return userdata dataset
function Dataset:concat(...)
  local parts = { self, ... }
  for i, other in ipairs(parts) do
    if type(other) ~= "userdata" or not other.source then
      check.fail("concat", "argument %d is a %s, no data set", i - 1,
                 type(other))
    end
    local a, b = self.source.shape, other.source.shape
    if a and b and a ~= b then
      check.fail("concat", "examples of %s and of %s", a, b)
    end
  end
  return M.new{ source = Joined.new(parts), classes = self.classes,
                columns = self.columns, categories = self.categories }
end

local CHUNK = 256  -- examples that are read at a time

--- The same examples in memory, images as they are kept (u8 where they were
--- files): what a function makes or a file holds is made or read once. Waits.
---@return userdata dataset
function Dataset:cache()
  local x, y
  for start = 0, self.n - 1, CHUNK do
    local n = math.min(CHUNK, self.n - start)
    local pick = { tensor = moon.arange(start, start + n, { dtype = "i64" }) }
    local cx, cy = self.source:raw(rows.of(self, pick))
    local function into(all, chunk)
      local shape = chunk:shape()
      shape[1] = self.n
      all = all or moon.zeros(shape, { dtype = chunk:dtype(),
                                       device = chunk:device() })
      all:narrow(1, start + 1, n):copy_(chunk)
      return all
    end
    x, y = into(x, cx):await(), cy and into(y, cy)
  end
  if not x then check.fail("cache", "there are no examples") end
  return M.of(x, y, { classes = self.classes, columns = self.columns,
                      categories = self.categories })
end

--- An epoch: see batches.lua.
---@param options table
---@return fun(): userdata?, userdata?
function Dataset:batches(options) return batches(self, options) end

return M
