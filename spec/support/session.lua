-- A session in a terminal, for transcripts.

local terminal = require "support.terminal"

local M = {}

--- A session at its first prompt; its history and its modules are in `folder`.
---@param folder string
---@param options table|nil  of terminal.open; colour: true
---@param arguments string|nil  of moonseed
---@return table terminal
function M.open(folder, options, arguments)
  local o = options or {}
  o.env = ("XDG_STATE_HOME=%s/state LUA_PATH='%s/?.lua;;' NO_COLOR=%s")
    :format(folder, folder, o.colour and "" or "1")
  local t = terminal.open("scripts/moonseed " .. (arguments or ""), o)
  t:wait "moon>"
  return t
end

return M
