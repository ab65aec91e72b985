-- The sections as a file of declarations for editors (lua-language-server).

local reference = require "reference"

local M = {}

local HEAD = [[
---@meta moonseed
-- luacheck: ignore
-- For editors; nothing loads it. Made by `luajit scripts/docs/generate.lua`:
-- change the comment in the source instead.
]]

local function add_text(out, lines)
  for _, line in ipairs(lines) do
    out[#out + 1] = (("--- " .. line):gsub("%s+$", ""))
  end
end

-- The name a section's table has in the file.
local function name_of(section)
  return section.name or section.part
end

local function add_tags(out, entry)
  for _, param in ipairs(entry.params) do
    out[#out + 1] = ("---@param %s %s  %s"):format(param.name, param.type,
      param.text):gsub("%s+$", "")
  end
  for _, result in ipairs(entry.returns) do
    local rest = result.text:find "^%.%.%." and " ..." or ""
    local text = result.text:gsub("^%.%.%.%s*", "")
    out[#out + 1] = ("---@return %s%s"):format(result.type, rest)
      .. (text ~= "" and "  # " .. text or "")
  end
end

local function add_entry(out, entry, owner)
  local names = {}
  for i, param in ipairs(entry.params) do names[i] = param.name end
  out[#out + 1] = ""
  if entry.usage then
    out[#out + 1] = "--- " .. reference.signature(entry)
  end
  add_text(out, entry.text)
  add_tags(out, entry)
  out[#out + 1] = ("function %s%s%s(%s) end"):format(owner, entry.dot,
    entry.name, table.concat(names, ", "))
end

local function full_name(section)
  return section.title:find "%." and not section.is_part and section.title
    or name_of(section)
end

local function add_class(out, section)
  out[#out + 1] = ""
  add_text(out, section.text)
  local call = section.call
  if call and call.usage then
    out[#out + 1] = "---"
    out[#out + 1] = "--- " .. reference.signature(call)
  end
  if call then add_text(out, call.text) end
  out[#out + 1] = ("---@class %s%s"):format(name_of(section),
    section.parent and ": " .. section.parent or "")
  for _, field in ipairs(section.fields) do
    out[#out + 1] = ("---@field %s %s  %s"):format(field.name, field.type,
      field.text):gsub("%s+$", "")
  end
  for _, operator in ipairs(section.operators) do
    out[#out + 1] = "---@operator " .. operator
  end
  if call then
    local names = {}
    for i, param in ipairs(call.params) do
      names[i] = param.name .. ": " .. param.type
    end
    local result = call.returns[1] and call.returns[1].type or "nil"
    out[#out + 1] = ("---@overload fun(%s): %s"):format(
      table.concat(names, ", "), result)
  end
end

--- The file.
---@param sections table[]  see surface.lua
---@return string
function M.file(sections)
  local out = { (HEAD:gsub("\n$", "")) }
  local tensor
  for _, section in ipairs(sections) do
    local name = name_of(section)
    add_class(out, section)
    out[#out + 1] = ("local %s = {}"):format(name)
    for _, entry in ipairs(section.entries) do add_entry(out, entry, name) end
    if section.title == "Tensor" then tensor = section end
  end
  out[#out + 1] = ""
  for _, entry in ipairs(tensor.entries) do
    if not M.taken(sections[1], entry.name) then
      out[#out + 1] = ("moon.%s = Tensor.%s"):format(entry.name, entry.name)
    end
  end
  for _, section in ipairs(sections) do
    local full = full_name(section)
    if section.is_part and section.part ~= "moon" then
      out[#out + 1] = ("moon.%s = %s"):format(section.part, section.part)
    elseif full:find "%." then
      out[#out + 1] = ("%s = %s"):format(full, name_of(section))
    end
  end
  out[#out + 1] = 'moon.version = ""'
  out[#out + 1] = ""
  out[#out + 1] = "return moon"
  return table.concat(out, "\n") .. "\n"
end

--- Whether a section has an entry of that name.
---@param section table
---@param name string
---@return boolean
function M.taken(section, name)
  for _, entry in ipairs(section.entries) do
    if entry.name == name then return true end
  end
  return false
end

return M
