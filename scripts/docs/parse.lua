-- What a source file says about itself: its own comment, its functions by the
-- line of their head, and its classes.

local annotation = require "annotation"
local source = require "source"

local M = {}

-- The comment whose last line is `last`, without dashes; nil if there is none.
-- Only "---" begins one; "--" within it goes on.
local function comment_above(lines, last)
  local first = last
  while first > 0 and lines[first]:find "^%-%-" do first = first - 1 end
  first = first + 1
  while first <= last and not lines[first]:find "^%-%-%-" do
    first = first + 1
  end
  if first > last then return nil end
  local text = {}
  for n = first, last do
    text[#text + 1] = (lines[n]:gsub("^%-+ ?", ""))
  end
  return text
end

local HEADS = {
  "^function ([%w_]+)([.:])([%w_]+)%s*%(([^)]*)",
  "^([%w_]+)(%.)([%w_]+)%s*=%s*function%s*%(([^)]*)",
}

-- owner, separator, name, parameters; a function without a name has no owner.
local function read_head(line)
  for _, pattern in ipairs(HEADS) do
    local owner, dot, name, list = line:match(pattern)
    if owner then return owner, dot, name, list end
  end
  local name, list = line:match "^local function ([%w_]+)%s*%(([^)]*)"
  if name then return nil, nil, name, list end
  list = line:match "^return function%s*%(([^)]*)" or
    line:match "^return setmetatable%(.*__call = function%s*%(([^)]*)"
  return nil, nil, nil, list
end

local function names_in(list)
  local names = {}
  for name in list:gmatch "[%w_.]+" do names[#names + 1] = name end
  return names
end

local function header_of(lines)
  local last = 0
  while lines[last + 1] and lines[last + 1]:find "^%-%-" do last = last + 1 end
  local doc = comment_above(lines, last)
  return doc and annotation.read(doc).text or {}
end

-- Classes end where the comment of their fields does.
local function add_class(classes, lines, n)
  if lines[n]:find "^%-%-%-" or not lines[n - 1]:find "^%-%-%-" then return end
  local doc = annotation.read(comment_above(lines, n - 1) or {})
  local class = doc.class[1]
  if class then
    class.field, class.lines = doc.field, doc.text
    classes[class.name] = class
  end
end

local cache = {}

--- A file: `header` (lines), `functions` by line number, `list` of them in
--- order, `classes` by name.
---@param path string
---@return table
function M.file(path)
  if cache[path] then return cache[path] end
  local lines = source.lines(path)
  local file = { path = path, header = header_of(lines), functions = {},
                 list = {}, classes = {} }
  for n, line in ipairs(lines) do
    local owner, dot, name, list = read_head(line)
    if list then
      local doc = annotation.read(comment_above(lines, n - 1) or {})
      local entry = { owner = owner, dot = dot, name = name, path = path,
                      line = n, names = names_in(list), doc = doc }
      file.functions[n] = entry
      file.list[#file.list + 1] = entry
    end
    if n > 1 then add_class(file.classes, lines, n) end
  end
  cache[path] = file
  return file
end

return M
