--- Puts new code in the place of old: a module's table, its classes and what
--- they hold in common keep their identity and get the new functions, so that
--- whoever holds them sees the new code.
--
-- `old` and `new` are what the same file returned at two times. Tables that
-- hold functions are code; those in the same place, by field or by the name of
-- a local, are the same thing. Others are data, and are as the new file says.
-- Objects, whose class is code, keep their fields.

local M = {}

---@class Patch
---@field old table<table, table>  by new table
---@field source string            of the new file's functions

local function holds_functions(value)
  for _, member in next, value do
    if type(member) == "function" then return true end
  end
  return false
end

local function is_from(fn, source)
  return debug.getinfo(fn, "S").source == source
end

-- Values of a function's locals outside it, by name.
local function upvalues(fn)
  local values = {}
  for i = 1, 255 do
    local name, value = debug.getupvalue(fn, i)
    if not name then break end
    values[name] = value
  end
  return values
end

local match

local function match_members(patch, old, new)
  for key, value in next, new do match(patch, rawget(old, key), value) end
end

-- Notes what in `new` is which thing in `old`.
function match(patch, old, new)
  if type(old) ~= type(new) or rawequal(old, new) or patch.seen[new] then
    return
  end
  if type(new) == "table" then
    if patch.foreign[old] or patch.foreign[new] then return end
    patch.seen[new] = true
    local is_code = holds_functions(new) and holds_functions(old)
    if is_code then patch.old[new] = old end
    if is_code or not getmetatable(new) then match_members(patch, old, new) end
  elseif type(new) == "function" and is_from(new, patch.source) then
    patch.seen[new] = true
    match_members(patch, upvalues(old), upvalues(new))
  end
end

--- Compares two values of a module. Changes nothing.
---@param old table
---@param new table
---@param source string  of the new functions, as in debug.getinfo
---@return Patch
function M.plan(old, new, source)
  local patch = { old = {}, seen = {}, source = source, root = new,
                  foreign = { [_G] = true } }
  for _, loaded in pairs(package.loaded) do
    if type(loaded) == "table" and not rawequal(loaded, old) then
      patch.foreign[loaded] = true
    end
  end
  patch.old[new], patch.seen[new] = old, true
  match_members(patch, old, new)
  return patch
end

-- --- putting it in place ---------------------------------------------------

-- New functions name new tables; from now on they name the old ones.
local function redirect(patch, value, seen)
  if seen[value] then return end
  if type(value) == "function" and is_from(value, patch.source) then
    seen[value] = true
    for i = 1, 255 do
      local name, member = debug.getupvalue(value, i)
      if not name then break end
      if patch.old[member] then
        debug.setupvalue(value, i, patch.old[member])
      end
      redirect(patch, member, seen)
    end
  elseif type(value) == "table" and not patch.foreign[value] then
    seen[value] = true
    local class = debug.getmetatable(value)
    if class then redirect(patch, class, seen) end
    for key, member in next, value do
      redirect(patch, member, seen)
      if patch.old[member] then rawset(value, key, patch.old[member]) end
    end
  end
end

local function fill(old, new)
  for key, member in next, old do
    if type(member) == "function" and rawget(new, key) == nil then
      rawset(old, key, nil)
    end
  end
  for key, member in next, new do rawset(old, key, member) end
  debug.setmetatable(old, debug.getmetatable(new))
end

local function same_code(a, b)
  local ok, x = pcall(string.dump, a, true)
  local also, y = pcall(string.dump, b, true)
  return ok and also and x == y
end

-- Names of functions of code tables: "forward" of Block is "Block.forward".
local function compare(old, new, changes, prefix, patch, seen)
  if seen[new] then return end
  seen[new] = true
  for key, member in next, new do
    local name, before = prefix .. tostring(key), rawget(old, key)
    if type(member) == "function" and is_from(member, patch.source) then
      if type(before) ~= "function" then
        table.insert(changes.added, name)
      elseif not same_code(before, member) then
        table.insert(changes.changed, name)
      end
    elseif type(member) == "table" and patch.old[member] == before and before
    then
      compare(before, member, changes, name .. ".", patch, seen)
    end
  end
  for key, member in next, old do
    if type(member) == "function" and rawget(new, key) == nil then
      table.insert(changes.removed, prefix .. tostring(key))
    end
  end
end

--- Names of the functions that differ: { changed =, added =, removed = }.
---@param patch Patch
---@return table<string, string[]>
function M.changes(patch)
  local changes = { changed = {}, added = {}, removed = {} }
  compare(patch.old[patch.root], patch.root, changes, "", patch, {})
  for _, list in pairs(changes) do table.sort(list) end
  return changes
end

--- Puts the new code in place. Nothing here can fail halfway.
---@param patch Patch
function M.apply(patch)
  redirect(patch, patch.root, {})
  for new, old in pairs(patch.old) do fill(old, new) end
end

return M
