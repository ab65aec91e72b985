--- What a value has under which names, as indexing would find it, without
--- calling anything of the user's. Functions as `__index` are called only if
--- they are Moonseed's own.

local core = require "moonseed.ffi"
local tensor = require "moonseed.tensor"

local M = {}

local ours = "@" .. core.folder
local DEEPEST = 20  -- of a chain of __index

local function is_ours(fn)
  local source = debug.getinfo(fn, "S").source
  return source:sub(1, #ours) == ours
end

-- What follows value in the chain, or nil.
local function next_of(value)
  local meta = debug.getmetatable(value)
  return type(meta) == "table" and rawget(meta, "__index") or nil
end

-- Moonseed's modules keep parameters and children beside their class.
local function entries_of(value)
  local meta = debug.getmetatable(value)
  if type(meta) == "table" and meta.is_module and type(value) == "table" then
    return rawget(value, "_value"), meta
  end
end

--- value[key], or nil; never raises.
---@param value any
---@param key any
---@return any
function M.get(value, key)
  if tensor.is(value) then
    if type(key) == "number" then return value end  -- a row is a tensor too
    if key == "grad" then return value.grad end
    return tensor.methods[key]
  end
  for _ = 1, DEEPEST do
    if type(value) == "table" then
      local entries, class = entries_of(value)
      local found = rawget(value, key)
      if found == nil and entries then
        found = entries[type(key) == "number" and tostring(key) or key]
      end
      if found ~= nil then return found end
      if entries then
        value = class
        goto continue
      end
    end
    do
      local follow = next_of(value)
      if type(follow) == "function" then
        if not is_ours(follow) then return nil end
        local ok, found = pcall(follow, value, key)
        return ok and found or nil
      end
      if follow == nil then return nil end
      if type(follow) == "table" and rawequal(follow, value) then return nil end
      value = follow
    end
    ::continue::
  end
end

local function add_keys(names, list)
  for key in next, list do
    if type(key) == "string" then names[key] = true end
  end
end

-- Tables of files from which our own __index functions make values.
local lazy = { file = true, files = true, parts = true }

local function add_lazy(names, fn)
  if not is_ours(fn) then return end
  for i = 1, 20 do
    local name, value = debug.getupvalue(fn, i)
    if not name then return end
    if lazy[name] and type(value) == "table" then add_keys(names, value) end
  end
end

--- The names of a value's members; never raises.
---@param value any
---@return table<string, boolean>
function M.names(value)
  local names = {}
  if tensor.is(value) then
    add_keys(names, tensor.methods)
    names.grad, names.needs_grad = true, true
    return names
  end
  for _ = 1, DEEPEST do
    if type(value) == "table" then
      add_keys(names, value)
      local entries, class = entries_of(value)
      if entries then
        add_keys(names, entries)
        add_keys(names, class)
        value = class
      end
    end
    local follow = next_of(value)
    if type(follow) == "function" then
      add_lazy(names, follow)
      break
    end
    if follow == nil or rawequal(follow, value) then break end
    value = follow
  end
  return names
end

return M
