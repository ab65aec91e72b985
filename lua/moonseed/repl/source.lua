--- Comments of functions and files, read from the sources.

local core = require "moonseed.ffi"
local uv = core.uv

local M = {}

local cache = {}  -- by path: { mtime =, lines = }

--- The lines of a file; nil if it cannot be read. Kept until it changes.
---@param path string
---@return string[]|nil
function M.lines(path)
  local stat = uv.fs_stat(path)
  if not stat then return nil end
  local known = cache[path]
  local time = stat.mtime.sec + stat.mtime.nsec / 1e9
  if known and known.mtime == time then return known.lines end
  local file = io.open(path, "r")
  if not file then return nil end
  local lines = {}
  for line in file:lines() do lines[#lines + 1] = line end
  file:close()
  cache[path] = { mtime = time, lines = lines }
  return lines
end

-- A comment's line without its dashes; nil for a line that is none.
local function comment_of(line)
  local text = line:match "^%s*%-%-%-?(.*)$"
  return text and text:gsub("^ ", "")
end

-- "@param x number  what" as people read it: "  x  number  what".
local function readable(text)
  local name, rest = text:match "^@param%s+(%S+)%s*(.*)"
  if name then return "  " .. name .. "  " .. rest end
  rest = text:match "^@return%s+(.*)"
  if rest then return "  --> " .. rest end
  return text
end

--- The comment that ends just above a line.
---@param lines string[]
---@param number integer
---@return string[]
function M.above(lines, number)
  local text = {}
  for n = number - 1, 1, -1 do
    local comment = comment_of(lines[n])
    if not comment or comment:find "^ *%-%-%-" then break end
    table.insert(text, 1, readable(comment))
  end
  return text
end

--- The comment that a file begins with.
---@param lines string[]
---@return string[]
function M.head(lines)
  local text = {}
  for _, line in ipairs(lines) do
    local comment = comment_of(line)
    if not comment then break end
    text[#text + 1] = comment
  end
  while text[#text] == "" do text[#text] = nil end
  return text
end

--- The head of a function: the text from `function` to its parameters' end.
---@param lines string[]
---@param number integer
---@return string|nil
function M.signature(lines, number)
  local line = lines[number]
  if not line then return nil end
  local n = number
  while not line:find "%b()" and n < number + 3 and lines[n + 1] do
    n = n + 1
    line = line .. " " .. lines[n]:match "^%s*(.*)"
  end
  local name, list = line:match "function%s+([%w_.:]+)%s*(%b())"
  if not name then
    name, list = line:match "([%w_.:]+)%s*=%s*function%s*(%b())"
  end
  if not name then
    name, list = "function", line:match "function%s*(%b())"
  end
  return list and name .. list
end

--- Source file and line of a function; nil for one without a file.
---@param fn function
---@return string|nil, integer|nil
function M.place(fn)
  local info = debug.getinfo(fn, "S")
  local path = info.source:match "^@(.*)"
  return path, info.linedefined
end

return M
