--- moon.tidy: tensors made inside are released at its end, not when the
-- collector comes to them.
--
-- What the function returns stays, also inside tables, and so does what was
-- marked by t:keep(), parameters, gradients and optimiser state. A released
-- tensor's memory goes unless a view or the graph still needs it; using it by
-- name is an error. Scopes nest; a task has its own.

local core = require "moonseed.ffi"
local check = require "moonseed.check"
local context = require "moonseed.context"
local recorded = require "moonseed.recorded"
local tensor = require "moonseed.tensor"
local C = core.C

local state = context.state
local methods, is = tensor.methods, tensor.is

local M = {}

---@class Scope
---@field outer Scope|nil
---@field n integer            tensors made
---@field kept table<integer, boolean>  by id
local Scope = {}
Scope.__index = Scope

--- A tensor was made. Scopes that a generator outlived are over.
---@param t userdata  a tensor
function Scope:add(t)
  if self.over then return end
  self.n = self.n + 1
  self[self.n] = t
end

--- Marks a tensor that stays, in this scope and those around it.
---@param t userdata  a tensor
function Scope:keep(t)
  local id = methods.id(t)
  local scope = self
  while scope do
    scope.kept[id] = true
    scope = scope.outer
  end
end

-- Collects the ids of tensors in `value`, a tensor or tables of them.
local function find(value, ids, seen)
  if is(value) then
    ids[methods.id(value)] = true
  elseif type(value) == "table" and not seen[value] then
    seen[value] = true
    for key, item in next, value do
      find(key, ids, seen)
      find(item, ids, seen)
    end
  end
end

local function close(scope, returned)
  scope.over = true
  local ids, seen = {}, {}
  for i = 1, returned.n do find(returned[i], ids, seen) end
  for i = 1, scope.n do
    local t = scope[i]
    scope[i] = nil
    local id = methods.id(t)
    if ids[id] then
      if scope.outer then scope.outer:add(t) end
    elseif not scope.kept[id] then
      tensor.let_go(t)
    end
  end
end

local function finish(scope, ok, ...)
  state.tidy = scope.outer
  close(scope, { n = ok and select("#", ...) or 0, ... })
  if not ok then error((...), 0) end
  return ...
end

--- Runs `fn` and releases the tensors made inside that it does not return.
---@param fn function
---@return any ...  what `fn` returned
function M.tidy(fn)
  check.callable("tidy", "its argument", fn)
  local scope = setmetatable({ outer = state.tidy, n = 0, kept = {} }, Scope)
  state.tidy = scope
  return finish(scope, xpcall(fn, context.note))
end

--- Keeps the tensor beyond the moon.tidy that it was made in.
---@return userdata  the tensor
function methods.keep(t)
  tensor.pointer("keep", "t", t)
  if state.tidy then state.tidy:keep(t) end
  return t
end

--- Gives the tensor's memory back now. Using it, or a view of it, is an error
--- from here on.
function methods.dispose(t)
  recorded.refuse("dispose", "a replay's memory goes after its last use")
  check.status(C.moon_tensor_dispose(tensor.pointer("dispose", "t", t)))
end

return M
