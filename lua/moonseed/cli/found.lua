--- What is on this machine: programs on the path and Lua modules. Uses nothing
--- of moonseed, so that it can say what moonseed lacks.
local M = {}

local function first_line(command)
  local pipe = io.popen(command .. " 2>&1 </dev/null")
  local line = pipe:read "*l"
  pipe:close()
  return line
end

local function is_word(text) return text:find "^[%w_.+-]+$" ~= nil end

--- The first of some programs that is on the path.
---@param names string[]
---@param flag string  that asks for the version
---@return string|nil text  the first line of what it says about itself
function M.program(names, flag)
  for _, name in ipairs(names) do
    assert(is_word(name), name)
    local path = first_line("command -v " .. name)
    if path and path ~= "" then
      local line = first_line(name .. " " .. flag) or "?"
      return (line:gsub("%s+$", "")) .. ", " .. path
    end
  end
  return nil
end

--- The file of a library that this process has loaded.
---@param name string  how the file's name begins
---@return string|nil path
function M.library(name)
  for line in io.lines "/proc/self/maps" do
    local path = line:match "(/.*)$"
    if path and path:find("/" .. name, 1, true) then return path end
  end
  return nil
end

local function version_of(module)
  local fields = type(module) == "table" and module or {}
  for _, field in ipairs{ "version", "_VERSION", "VERSION" } do
    local version = rawget(fields, field)
    if type(version) == "string" then return version end
  end
end

--- A Lua module that loads.
---@param name string
---@return string|nil text  its version and where it lies
---@return string|nil why   it does not load, on one line
function M.module(name)
  local ok, module = pcall(require, name)
  if not ok then return nil, (tostring(module):match "^[^\n]*") end
  local path = package.searchpath(name, package.cpath)
    or package.searchpath(name, package.path) or "preloaded"
  local version = version_of(module)
  return version and version .. ", " .. path or path
end

return M
