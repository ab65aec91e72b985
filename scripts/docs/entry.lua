-- One function of the reference: what its source says, as users are told it.

local annotation = require "annotation"
local made = require "made"
local parse = require "parse"

local M = {}

--- Keys of `made` that were of use.
M.used = {}

--- Where nothing is written down.
---@param path string
---@return table
function M.nothing(path)
  return { path = path, line = 0, names = {}, doc = annotation.read{} }
end

--- What the source says where a function begins; see parse.lua.
---@param fn function
---@return table
function M.found_at(fn)
  local info = debug.getinfo(fn, "S")
  local path = info.source:match "^@(.*)$"
  local entry = path and path:find "^lua/" and
    parse.file(path).functions[info.linedefined]
  return entry or M.nothing(path or "?")
end

local function lines_of(text)
  local lines = {}
  for line in (text .. "\n"):gmatch "(.-)\n" do lines[#lines + 1] = line end
  return lines
end

-- "nn.ReLU{ ... }" at the start of a text is how it is called; what follows a
-- colon on that line is a sentence.
local function take_usage(text)
  if not (text[1] or ""):find "^[%w_.]+{" then return nil, text end
  local whole = table.concat(text, "\n")
  local name, options, rest = whole:match "^([%w_.]+)(%b{})(.*)$"
  if not name then return nil, text end
  rest = rest:gsub("^:%s+(%l)", string.upper):gsub("^%s*\n", "")
  return name .. options:gsub("%s+", " "), rest == "" and {} or lines_of(rest)
end

-- What a `table` is that is told to be one of these, or bears such a name.
local classes = { module = "Module", garden = "Garden", task = "Task",
                  run = "Run" }
local by_name = { model = "Module", module = "Module", garden = "Garden" }

--- A type as users know it: tensors, data sets and the core's own types are
--- `userdata` in the sources.
---@param kind string
---@param text string      what is said about the value
---@param name string|nil  of a parameter
---@return string
function M.plain_type(kind, text, name)
  if text:find "moon_" or text:find "uint64_t" then return kind end
  local class = (text:find "data ?set") and "Dataset" or "Tensor"
  kind = kind:gsub("%f[%w]userdata%f[%W]", class)
  if kind:find "^table" then
    local first = text:gsub("^self%f[%W]%s*", ""):match "^a? ?(%l+)"
    local named = classes[first] or by_name[name]
    if named then kind = kind:gsub("%f[%w]table%f[%W]", named) end
  end
  return kind
end

local function refine(entry)
  local narrow = made.types[entry.key] or {}
  for _, param in ipairs(entry.params) do
    param.type = narrow[param.name] or M.plain_type(param.type, param.text,
                                                          param.name)
  end
  for _, result in ipairs(entry.returns) do
    result.type = narrow["return"] or M.plain_type(result.type, result.text)
    if entry.class and result.text:find "^self%f[%W]" then
      result.type = entry.class
    end
  end
end

---@param list table[]  of params, results or fields
---@return table[]
function M.copy_list(list)
  local copied = {}
  for i, item in ipairs(list) do
    copied[i] = { name = item.name, type = item.type, text = item.text }
  end
  return copied
end

--- An entry: key ("Tensor:relu", "moon.relu"), params, returns, text (lines),
--- usage (a call as one writes it, where the source shows one).
---@param owner string
---@param dot string   "." or ":"
---@param name string
---@param found table  see found_at
---@return table
function M.make(owner, dot, name, found)
  local key = owner .. dot .. name
  M.used[key] = true
  local doc, names = found.doc, found.names
  if made.comments[key] then
    doc, names = annotation.read(lines_of(made.comments[key])), nil
  end
  local usage, text = take_usage(doc.text)
  local entry = { key = key, owner = owner, dot = dot, name = name,
                  path = found.path, line = found.line, usage = usage,
                  text = text, params = M.copy_list(doc.param),
                  returns = M.copy_list(doc["return"]),
                  class = dot == ":" and owner or nil }
  -- The first parameter of what is called as a method is the object.
  if dot == ":" and names and found.dot ~= ":" and entry.params[1]
     and entry.params[1].name == names[1] then
    table.remove(entry.params, 1)
  end
  refine(entry)
  return entry
end

return M
