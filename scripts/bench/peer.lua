--- A peer of a benchmark: a process that runs a round when asked.
--
-- It prints `ready WHO` when it is; then, for every line it reads, one line of
-- NAME=NUMBER pairs. It ends with its standard input.

local uv = require "luv"

local M = {}

---@class Peer
---@field name string
---@field who string  what it said it is
local Peer = {}
Peer.__index = Peer

local function environment(extra)
  local env = {}
  for name, value in pairs(uv.os_environ()) do
    if not (extra and extra[name]) then env[#env + 1] = name .. "=" .. value end
  end
  for name, value in pairs(extra or {}) do
    env[#env + 1] = name .. "=" .. value
  end
  return env
end

-- The next line of the peer's output; an error when it has ended.
local function read_line(self)
  while true do
    local line, rest = self.text:match "^([^\n]*)\n(.*)$"
    if line then
      self.text = rest
      return line
    end
    if self.ended then
      error(("%s ended: %s"):format(self.name, self.text), 0)
    end
    uv.run "once"
  end
end

--- Starts a peer and waits until it is ready.
---@param name string
---@param command string[]  program and arguments
---@param env table<string, string>|nil  more environment
---@return Peer
function M.start(name, command, env)
  local self = setmetatable({ name = name, text = "" }, Peer)
  self.input, self.output = uv.new_pipe(false), uv.new_pipe(false)
  local args = { unpack(command, 2) }
  for i, arg in ipairs(args) do args[i] = tostring(arg) end
  local why
  self.process, why = uv.spawn(command[1], {
    args = args, env = environment(env), stdio = { self.input, self.output, 2 },
  }, function() self.ended = true end)
  if not self.process then error(name .. ": " .. tostring(why), 0) end
  self.output:read_start(function(_, data)
    if data then self.text = self.text .. data else self.ended = true end
  end)
  repeat self.who = read_line(self):match "^ready (.*)$" until self.who
  return self
end

--- Runs a round.
---@return table<string, number> values by name
---@return string[] names in the peer's order
function Peer:round()
  self.input:write "round\n"
  local values, names = {}, {}
  for name, value in read_line(self):gmatch "(%S+)=(%S+)" do
    values[name] = tonumber(value)
    names[#names + 1] = name
  end
  return values, names
end

--- Ends the peer.
function Peer:stop()
  self.input:close()
  while not self.ended do uv.run "once" end
  self.output:close()
  self.process:close()
  uv.run "nowait"  -- lets go of them; a closing Lua state must not have to
end

return M
