-- What a user of `require "moonseed"` can reach, found by looking: functions
-- and classes of moon and its parts, and the classes of what those return.
-- Comments come from the sources, by the line where a function was defined.

local entries = require "entry"
local made = require "made"
local parse = require "parse"
local source = require "source"

local found_at, make_entry = entries.found_at, entries.make
local copy_list, plain_type = entries.copy_list, entries.plain_type

local M = {}

--- Where the declarations for editors are.
M.TYPES = "lua/moonseed/types.lua"

local PARTS = { "nn", "models", "optim", "data", "metrics", "seed", "train" }

local function sorted_keys(t)
  local keys = {}
  for key in pairs(t) do keys[#keys + 1] = key end
  table.sort(keys)
  return keys
end

local rank = {}
for i, topic in ipairs(made.topics) do
  rank["lua/moonseed/" .. topic[1] .. ".lua"] = i
end

local function by_place(a, b)
  local first, second = rank[a.path] or math.huge, rank[b.path] or
    math.huge
  if first ~= second then return first < second end
  if a.path ~= b.path then return a.path < b.path end
  if a.line ~= b.line then return a.line < b.line end
  return a.name < b.name
end

local function is_public(name, value)
  return type(name) == "string" and type(value) == "function"
    and not name:find "^_"
end

-- Entries of the functions in a table, without those in `but`.
local function entries_of(owner, dot, t, but)
  local list = {}
  for _, name in ipairs(sorted_keys(t)) do
    local value = t[name]
    if is_public(name, value) and but[name] ~= value
       and not made.internal[owner .. "." .. name] then
      local found = found_at(value)
      -- A dot in the source of a class: a function, not a method.
      local own_dot = dot == ":" and found.dot == "." and found.owner == owner
        and found.names[1] ~= "self" and "." or dot
      list[#list + 1] = make_entry(owner, own_dot, name, found)
    end
  end
  table.sort(list, by_place)
  return list
end

-- --- parts: tables whose values are loaded when asked for --------------------

-- What a part can load, by the table that its __index looks into.
local function names_of(part)
  local names = {}
  for name in pairs(part) do names[name] = true end
  local meta = getmetatable(part)
  local index = meta and meta.__index
  local i = 1
  while type(index) == "function" do
    local upvalue, value = debug.getupvalue(index, i)
    if not upvalue then break end
    if type(value) == "table" then
      for name, file in pairs(value) do
        if type(file) == "string" then names[name] = true end
      end
    end
    i = i + 1
  end
  return sorted_keys(names)
end

local function call_of(value)
  local meta = getmetatable(value)
  return meta and rawget(meta, "__call")
end

local function header_of(module)
  local path = package.searchpath(module, package.path)
  return path and parse.file(path).header or {}
end

-- How an instance of a module's class is made.
local function layer(part, name, value, module)
  local init = rawget(value, "init")
  local found = init and found_at(init)
    or entries.nothing(package.searchpath(module, package.path))
  local entry = make_entry(part, ".", name, found)
  entry.usage = entry.usage or entry.key .. (init and "{ ... }" or "{}")
  entry.returns = { { type = name, text = "" } }
  return entry
end

-- What the functions of a class are defined on in its source.
local function class_name(class)
  for _, name in ipairs(sorted_keys(class)) do
    local owner = is_public(name, class[name]) and found_at(class[name]).owner
    if owner then return owner end
  end
end

-- A section for a class or a table of functions that a part holds.
local function section_of(part, name, value, Module)
  local full = part .. "." .. name
  local section = { title = full, name = name, fields = made.fields[name] or {},
                    operators = made.operators[name] or {} }
  local module = M.modules[value]
  section.text = module and header_of(module) or {}
  local call, skip = call_of(value), {}
  if Module.is_class(value) then
    section.is_class, section.parent = true, value ~= Module.base and "Module"
    skip = { init = rawget(value, "init"), forward = rawget(value, "forward") }
    if value == Module.base then skip, call = {}, nil end
    section.call = call and layer(part, name, value, module)
  elseif call then
    section.is_class = rawget(value, "__index") ~= nil
    section.call = make_entry(part, ".", name, found_at(call))
    if section.is_class then
      section.call.returns = { { type = name, text = "" } }
      skip = { new = call }
      local base = getmetatable(value).__index
      section.parent = type(base) == "table" and class_name(base)
    end
  elseif rawget(value, "__index") == value then
    section.is_class, section.name = true, class_name(value)
  end
  section.parent_title = section.parent == "Module" and "nn.Module"
    or section.parent and part .. "." .. section.parent
  section.entries = entries_of(section.is_class and section.name or full,
                               section.is_class and ":" or ".", value, skip)
  return section
end

-- --- classes of what functions return --------------------------------------

local files

-- Not what is made from them.
local function all_files()
  if not files then
    files = source.files({ "lua/moonseed" }, { "lua" })
    for i, path in ipairs(files) do
      if path == M.TYPES then table.remove(files, i) end
    end
  end
  return files
end

-- What is said about a class, else about its file.
local function class_text(class, file, has_methods)
  if class and class.text ~= "" then
    return { (class.text:gsub("^%l", string.upper)) .. "." }
  end
  local text = class and class.lines or {}
  return (#text > 0 or not has_methods) and text or file.header
end

local function find_class(name)
  for _, path in ipairs(all_files()) do
    local file = parse.file(path)
    local class, list = file.classes[name], {}
    for _, found in ipairs(file.list) do
      if found.owner == name and not found.name:find "^_"
         and not made.internal[name .. "." .. found.name] then
        list[#list + 1] = make_entry(name, found.dot, found.name, found)
      end
    end
    if class or #list > 0 then
      local fields = copy_list(class and class.field or made.fields[name] or {})
      for _, field in ipairs(fields) do
        field.type = plain_type(field.type, field.text)
      end
      return { title = name, name = name, is_class = true, entries = list,
               fields = fields, text = class_text(class, file, #list > 0),
               operators = made.operators[name] or {} }
    end
  end
end

local function types_in(section, visit)
  local function look(list)
    for _, item in ipairs(list) do
      for name in item.type:gmatch "%f[%w_.]%u[%w_]*" do visit(name) end
    end
  end
  look(section.fields)
  local all = { section.call, unpack(section.entries) }
  for _, entry in pairs(all) do
    look(entry.params)
    look(entry.returns)
  end
end

-- Adds sections until every class that is named has one.
local function close(sections, report)
  local known = {}
  for _, section in ipairs(sections) do known[section.name or ""] = true end
  local function add(name, who)
    if known[name] then return end
    known[name] = true
    local class = find_class(name)
    if not class then
      report.add("lua", 1, "%s names the class %s, which nobody defines", who,
                 name)
    end
    sections[#sections + 1] = class
  end
  for _, name in ipairs(made.given) do add(name, "scripts/docs/made.lua") end
  local i = 1
  while sections[i] do
    local section = sections[i]
    types_in(section, function(name) add(name, section.title) end)
    i = i + 1
  end
end

-- --- all of it -------------------------------------------------------------

-- A function that is a whole file is told with the file's own comment.
local function part_entry(part, name, fn)
  local found = found_at(fn)
  local entry = make_entry(part, ".", name, found)
  if found.line > 0 and not found.name then
    local text = { unpack(parse.file(found.path).header) }
    if #text > 0 and #entry.text > 0 then text[#text + 1] = "" end
    for _, line in ipairs(entry.text) do text[#text + 1] = line end
    entry.text = text
  end
  return entry
end

local function part_sections(sections, part, value, Module)
  local own = { title = "moon." .. part, part = part, is_part = true,
                text = header_of("moonseed." .. part), entries = {},
                fields = {}, operators = {} }
  sections[#sections + 1] = own
  for _, name in ipairs(names_of(value)) do
    local item = rawget(value, name)  -- nil where it did not load
    if is_public(name, item) then
      table.insert(own.entries, part_entry(part, name, item))
    elseif type(item) == "table" then
      sections[#sections + 1] = section_of(part, name, item, Module)
    end
  end
end

-- Which module a value is what of.
local function modules_by_value()
  local modules = {}
  for _, name in ipairs(sorted_keys(package.loaded)) do
    local value = package.loaded[name]
    if name:find "^moonseed%." and type(value) == "table" then
      modules[value] = modules[value] or name
    end
  end
  return modules
end

-- Loads what a part names; what does not load is a complaint, and left out.
local function load_part(part, value, report)
  for _, name in ipairs(names_of(value)) do
    local ok, why = pcall(function() return value[name] end)
    if not ok then
      report.add("lua/moonseed/" .. part, 1, "moon.%s.%s does not load: %s",
                 part, name, tostring(why):match "^[^\n]*")
    end
  end
end

--- Sections in the order of the page: moon, Tensor, its parts with their
--- classes, then the classes of what those return.
---@param report table  see scripts/checks/source.lua
---@return table[]
function M.sections(report)
  local moon = require "moonseed"
  local methods = require("moonseed.tensor").methods
  local Module = { base = moon.nn.Module }
  function Module.is_class(value) return rawget(value, "class_name") ~= nil end
  for _, part in ipairs(PARTS) do
    if moon[part] then load_part(part, moon[part], report) end
  end
  M.modules = modules_by_value()
  local sections = {
    { title = "moon", part = "moon", is_part = true,
      text = parse.file "lua/moonseed/init.lua".header, fields = {},
      operators = {}, entries = entries_of("moon", ".", moon, methods) },
    { title = "Tensor", name = "Tensor", is_class = true,
      text = { "Also functions of moon: moon.relu(x) is x:relu()." },
      fields = made.fields.Tensor, operators = made.operators.Tensor,
      entries = entries_of("Tensor", ":", methods, {}) },
  }
  for _, part in ipairs(PARTS) do
    if moon[part] then part_sections(sections, part, moon[part], Module) end
  end
  close(sections, report)
  return sections
end

return M
