--- The script of `moonseed --repl train.lua`: a task beside the session.

local task = require "moonseed.task"

local M = {}

--- Starts it; its globals are those of the session.
---@param arguments string[]  the script's path, then its arguments
---@param env table
---@return Task|nil  nil, told on stderr: it does not compile
function M.start(arguments, env)
  local path = arguments[1]
  local chunk, why = loadfile(path)
  if not chunk then
    io.stderr:write("moonseed: ", why, "\n")
    return nil
  end
  local folder = path:match "^(.*)/[^/]*$" or "."
  package.path = folder .. "/?.lua;" .. folder .. "/?/init.lua;"
    .. package.path
  local list = { [-1] = "moonseed", [0] = path, unpack(arguments, 2) }
  rawset(_G, "arg", list)
  setfenv(chunk, env)
  return task.spawn(function() return chunk(unpack(list)) end,
                    { name = path })
end

return M
