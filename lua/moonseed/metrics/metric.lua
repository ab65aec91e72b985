--- What metrics have in common.
--
--   local right = moon.metrics.Accuracy{}
--   for x, y in valid:batches{ 256 } do right:update(model(x), y) end
--   print(right:value())
--
-- `update` adds up on the device and waits for nothing; `value` is the one
-- place where a metric is read, and suspends. What was not measured is nil.
local check = require "moonseed.check"
local context = require "moonseed.context"
local host = require "moonseed.host"
local moon = require "moonseed"
local tensor = require "moonseed.tensor"

---@class Metric
---@field n integer  examples so far
local Metric = {}
Metric.__index = Metric

--- A class of metrics. Its definition:
---
---   name     as users call it
---   names    of the leading options, known: of the named ones
---   check    function(op, o) or nil
---   takes_one  x may be one value for the whole batch
---   begin    function(self, x) -> tensors by name, on x's device, that are
---            added up in; or lists that grow
---   add      function(self, sums, x, y): one batch, without gradients
---   result   function(self, sums): suspends
---
---@param def table
---@return table class
function Metric.class(def)
  local class = { definition = def }
  class.__index = class
  return class
end

--- A metric of a class.
---@param class table
---@param options table|nil
---@return Metric
function Metric.new(class, options)
  local def = class.definition
  local o = check.options(def.name, options, def.names or {}, def.known or {})
  if def.check then def.check(def.name, o) end
  return setmetatable({ def = def, o = o, n = 0 }, class)
end

local function check_batch(self, x, y)
  local op = self.def.name
  tensor.pointer(op, "the first argument", x)
  tensor.pointer(op, "the second argument", y)
  local is_one = self.def.takes_one and x:numel() == 1
  if y:ndim() ~= 1 or not is_one
     and (x:ndim() < 1 or x:size(1) ~= y:size(1)) then
    check.fail(op, "%s and %s; expected [N, ...] and [N]",
               tensor.shape_text(x), tensor.shape_text(y))
  end
end

local function begin(self, x)
  local sums = self.def.begin(self, x)
  for _, t in pairs(sums) do
    if tensor.is(t) then t:keep() end
  end
  return sums
end

local function add(self, x, y)
  local sums = self.sums or begin(self, x)
  self.def.add(self, sums, x:detach(), y)
  self.sums, self.n = sums, self.n + y:size(1)
end

local function update(self, x, y)
  context.with_grad_mode(0, moon.tidy, function() add(self, x, y) end)
end

--- Adds a batch: what the model gives, and the true labels, i64 [N]. Enqueues.
---@param x userdata  logits [N, C], or what the metric says
---@param y userdata
---@return table self
function Metric:update(x, y)
  check_batch(self, x, y)
  host.part(update, self, x, y)
  return self
end

--- What was measured since the beginning or the last reset; nil before any
--- update. Suspends until it is there.
---@return number|table|nil
function Metric:value()
  if self.n == 0 then return nil end
  return self.def.result(self, self.sums)
end

--- Begins again.
---@return table self
function Metric:reset()
  self.n, self.sums = 0, nil
  return self
end

--- What it is made of, as plain values: { "TopK", k = 5 }, from which
--- moon.metrics.rebuild makes another one.
---@return table
function Metric:describe()
  local t = { self.def.name }
  for name, value in pairs(self.o) do t[name] = value end
  return t
end

-- --- what several need -----------------------------------------------------

--- The predicted classes, i64 [N]: of logits [N, C], or given as they are.
---@param op string
---@param x userdata
---@return userdata
function Metric.predicted(op, x)
  if x:ndim() == 2 then return x:argmax(2) end
  if x:ndim() == 1 and x:dtype() == "i64" then return x end
  check.fail(op, "%s %s; expected logits [N, C] or classes i64 [N]",
             tensor.shape_text(x), x:dtype())
end

--- Logits [N, C], or an error.
---@param op string
---@param x userdata
---@param classes integer|nil  how many there must be
---@return userdata
function Metric.logits(op, x, classes)
  if x:ndim() ~= 2 or x:dtype():sub(1, 1) ~= "f"
     or classes and x:size(2) ~= classes then
    check.fail(op, "%s %s; expected logits [N, %s]", tensor.shape_text(x),
               x:dtype(), classes or "C")
  end
  return x
end

--- Zeros to add up in, on x's device.
---@param x userdata
---@param dtype string
---@param ... integer  the shape
---@return userdata
function Metric.zeros(x, dtype, ...)
  return moon.zeros({ ... }, { dtype = dtype, device = x:device() })
end

return Metric
