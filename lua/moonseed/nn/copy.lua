--- nn.copy(module): the same module again, with tensors of its own.
--
-- What is shared inside (a tensor or a module under two names) is shared in the
-- copy. Of plain fields, tensors and plain tables are copied too, with modules
-- in them replaced by their copies; objects of other classes and functions are
-- taken over as they are. A class for which that is not enough has a method
-- `copied(original, copy)`, called on the copy at the end, where copy(value)
-- gives what became of a module, tensor or plain table. Gradients and hooks are
-- left behind, and so is memory that two tensors share as views.
local check = require "moonseed.check"
local moon = require "moonseed"
local Module = require "moonseed.nn.module"
local tensor = require "moonseed.tensor"
local C = require("moonseed.ffi").C

local internal = { _names = true, _kind = true, _value = true, _hooks = true }

local copy_value

-- A leaf that wants its gradient if the original does. One that was released
-- (a note of the last forward, say) holds nothing to copy.
local function copy_tensor(t, done)
  if C.moon_tensor_disposed(t.p) ~= 0 then return t end
  local id = t:id()
  if not done[id] then
    local other = moon.no_grad(function() return t:detach():clone() end)
    done[id] = tensor.wants_grad(t) and other:requires_grad() or other
  end
  return done[id]
end

local function copy_table(source, done)
  local other = {}
  done[source] = other
  for key, value in next, source do
    other[copy_value(key, done)] = copy_value(value, done)
  end
  return other
end

-- A parameter may be frozen now, yet it is one.
local function add_entry(self, name, kind, value)
  if kind == "child" then
    self[name] = value
  elseif kind == "buffer" then
    self:buffer(name, value)
  else
    local wanted = tensor.wants_grad(value)
    self[name] = value:requires_grad()
    value:requires_grad(wanted)
  end
end

local function copy_module(self, done)
  local class = getmetatable(self)
  local other = setmetatable({ _names = {}, _kind = {}, _value = {} }, class)
  done[self] = other
  local hooks = rawget(self, "_hooks")
  for name, value in next, self do
    if hooks and name == "forward" then value = hooks.own end
    if not internal[name] then rawset(other, name, copy_value(value, done)) end
  end
  for _, name in ipairs(self._names) do
    add_entry(other, name, self._kind[name],
              copy_value(self._value[name], done))
  end
  if class.copied then
    class.copied(other, self, function(value)
      return copy_value(value, done)
    end)
  end
  return other
end

-- done: copies by their originals, of tensors by id.
function copy_value(value, done)
  if tensor.is(value) then return copy_tensor(value, done) end
  if type(value) ~= "table" then return value end
  if done[value] then return done[value] end
  if Module.is(value) then return copy_module(value, done) end
  if getmetatable(value) ~= nil then return value end
  return copy_table(value, done)
end

--- A copy of a module that shares no memory with it. Enqueues.
---@param module table
---@return table
return function(module)
  if not Module.is(module) then
    check.fail("nn.copy", "expects a module, not a %s", type(module))
  end
  return copy_value(module, {})
end
