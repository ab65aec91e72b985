--- What a function makes of the batches of another data set.
local check = require "moonseed.check"
local moon = require "moonseed"
local rows = require "moonseed.data.rows"
local source = require "moonseed.data.source"

local Mapped = source.class()

---@param from userdata  a data set
---@param fn function    (x, y) -> x, y
---@return table source
function Mapped.new(from, fn)
  return setmetatable({ from = from, fn = fn, n = #from,
                        on_host = from.source.on_host,
                        labelled = from.labelled }, Mapped)
end

--- The examples of these rows, as they are kept.
---@param pick table
---@return userdata x
---@return userdata? y
function Mapped:raw(pick)
  local x, y = self.fn(rows.read(self.from, pick))
  if not moon.is_tensor(x) or (y ~= nil and not moon.is_tensor(y)) then
    check.fail("map", "the function gave a %s and a %s; x and y are tensors",
               type(x), type(y))
  end
  if #x:shape() == 0 or x:size(1) ~= rows.count(pick) then
    check.fail("map", "of %d examples the function made %s", rows.count(pick),
               table.concat(x:shape(), "x"))
  end
  return x, y
end

return Mapped
