--- Runs a script or a piece of code as a task, and tells how it ended.
local M = {}

local FAILED, INTERRUPTED = 1, 130  -- exit statuses; 130 is 128 + SIGINT

local function report(text)
  io.stdout:flush()
  io.stderr:write("moonseed: ", text, "\n")
end

-- An interrupt is the error "interrupted", with a place before it.
local function was_interrupted(message)
  local line = message:match "^[^\n]*"
  return line == "interrupted" or line:find ": interrupted$" ~= nil
end

-- Sets `arg` as Lua does: 0 is the script, what follows counts from 1.
local function set_arguments(arguments, script)
  local list = { [-1] = "moonseed", [0] = script }
  for i = 2, #arguments do list[i - 1] = arguments[i] end
  _G.arg = list
  return list
end

local function run(chunk, list)
  local moon = require "moonseed"
  local ok, message = pcall(moon.main, chunk, unpack(list))
  if ok then return 0 end
  message = tostring(message)
  report(message)
  return was_interrupted(message) and INTERRUPTED or FAILED
end

--- Runs the script arguments[1], with the others as its `arg` and `...`; its
--- folder comes first on package.path.
---@param arguments string[]
---@return integer exit status
function M.file(arguments)
  local path = arguments[1]
  local chunk, why = loadfile(path ~= "-" and path or nil)
  if not chunk then
    report(why)
    return FAILED
  end
  local folder = path:match "^(.*)/[^/]*$" or "."
  package.path = folder .. "/?.lua;" .. folder .. "/?/init.lua;"
    .. package.path
  return run(chunk, set_arguments(arguments, path))
end

--- Runs arguments[2] as Lua code, where `moon` is the module.
---@param arguments string[]
---@return integer exit status
function M.code(arguments)
  local chunk, why = loadstring(arguments[2], "=-e")
  if not chunk then
    report(why)
    return FAILED
  end
  _G.moon = require "moonseed"
  table.remove(arguments, 1)
  return run(chunk, set_arguments(arguments, "-e"))
end

return M
