--- nn.copy(module): the same module again, with tensors of its own.
--
-- What is shared inside (a tensor or a module under two names) is shared in the
-- copy. Plain fields are taken over as they are; a class that holds more than
-- that has a method `copied(original, copy)`, called on the copy at the end,
-- where copy(module) gives what became of another module.
local check = require "moonseed.check"
local moon = require "moonseed"
local Module = require "moonseed.nn.module"

local internal = { _names = true, _kind = true, _value = true }

local function copy_tensor(t, kind)
  local other = moon.no_grad(function() return t:detach():clone() end)
  return kind == "parameter" and other:requires_grad() or other
end

local function copy_module(self, done)
  if done[self] then return done[self] end
  local other = setmetatable({ _names = {}, _kind = {}, _value = {} },
                             getmetatable(self))
  done[self] = other
  for name, value in next, self do
    if not internal[name] then rawset(other, name, value) end
  end
  for _, name in ipairs(self._names) do
    local kind, value = self._kind[name], self._value[name]
    if kind == "child" then
      other[name] = copy_module(value, done)
    else
      local id = value:id()
      done[id] = done[id] or copy_tensor(value, kind)
      if kind == "buffer" then
        other:buffer(name, done[id])
      else
        other[name] = done[id]
      end
    end
  end
  local hook = getmetatable(self).copied
  if hook then
    hook(other, self, function(module) return copy_module(module, done) end)
  end
  return other
end

--- A copy of a module that shares no memory with it. Enqueues.
---@param module table
---@return table
return function(module)
  if not Module.is(module) then
    check.fail("nn.copy", "expects a module, not a %s", type(module))
  end
  return copy_module(module, {})
end
