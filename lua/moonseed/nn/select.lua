--- Of a module and what is below it: one by its path, some by their names, all.
local check = require "moonseed.check"

local M = {}

local function path_of(prefix, name)
  return prefix == "" and name or prefix .. "." .. name
end

--- A module, parameter or buffer by its path, as `parameters`, `buffers` and
--- `modules` name them: model:get "2.conv.weight". "" is the module itself.
---@param self table  a module
---@param path string|integer
---@return table|userdata
function M.get(self, path)
  if type(path) == "number" then path = tostring(path) end
  check.text("get", "the path", path)
  local at, so_far = self, ""
  for name in path:gmatch "[^.]+" do
    local entries = type(at) == "table" and at._value or {}
    if entries[name] == nil then
      check.fail("get", "no '%s' in %s%s (known: %s)", name,
                 type(at) == "table" and at.class_name or "the tensor",
                 so_far ~= "" and " " .. so_far or "",
                 type(at) == "table" and table.concat(at._names, ", ") or "")
    end
    at, so_far = entries[name], path_of(so_far, name)
  end
  return at
end

-- Children before what holds them; what is shared comes once.
local function collect(self, path, list, seen)
  seen[self] = true
  for name, child in self:children() do
    if not seen[child] then collect(child, path_of(path, name), list, seen) end
  end
  list[#list + 1] = { self, path }
  return list
end

--- Calls fn(module, path) for every module below this one and for this one,
--- whose path is "", children first. They are those that there were before.
---@param self table  a module
---@param fn function
---@return table self
function M.apply(self, fn)
  check.callable("apply", "its argument", fn)
  for _, entry in ipairs(collect(self, "", {}, {})) do fn(unpack(entry)) end
  return self
end

-- Calls act on the parameters whose names match.
local function each_parameter(op, self, pattern, act)
  if pattern ~= nil then check.text(op, "the pattern", pattern) end
  local names, any = {}, false
  for name, p in self:parameters() do
    names[#names + 1] = name
    if pattern == nil or name:find(pattern) then
      act(p)
      any = true
    end
  end
  if not any and pattern ~= nil then
    check.fail(op, "no parameter matches '%s' (there are %s)", pattern,
               table.concat(names, ", "))
  end
  return self
end

--- Freezes parameters: they want no gradient, so no optimiser moves them. They
--- are parameters still, in `parameters` and `state`. Running statistics of
--- norms go on; model:get "norm":eval() stops them until the next train().
---@param self table           a module
---@param pattern string|nil   a Lua pattern for the names of those; all without
---@return table self
function M.freeze(self, pattern)
  return each_parameter("freeze", self, pattern, function(p)
    p.grad = nil
    p:requires_grad(false)
  end)
end

--- Undoes `freeze`.
---@param self table           a module
---@param pattern string|nil   a Lua pattern for the names of those; all without
---@return table self
function M.unfreeze(self, pattern)
  return each_parameter("unfreeze", self, pattern, function(p)
    p:requires_grad()
  end)
end

return M
