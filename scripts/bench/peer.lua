--- A peer of a benchmark: a process that runs a round when asked.
--
-- It prints `ready WHO` when it is; then, for every line it reads, one line of
-- NAME=NUMBER pairs, which may come one after the other. It ends with its
-- standard input.

local uv = require "luv"

local M = {}

---@class Peer
---@field name string
---@field who string  what it said it is
local Peer = {}
Peer.__index = Peer

--- The environment of this process, with more in it.
---@param extra table<string, string>|nil
---@return string[]  NAME=VALUE each
function M.environment(extra)
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
      local words = self.text:gsub("%S+=%S+%s*", "")  -- numbers count as such
      error(("%s ended%s: %s"):format(self.name, self.late or "", words), 0)
    end
    uv.run "once"
  end
end

-- Ends a peer that has a process group of its own, with all in it, in time.
local function limit(self, seconds)
  self.timer = uv.new_timer()
  self.timer:start(math.max(1, seconds * 1000), 0, function()
    self.late = (" after %.0f s, its limit"):format(seconds)
    uv.kill(-self.pid, "sigkill")
  end)
end

local function parse(line)
  local values, names = {}, {}
  for name, value in line:gmatch "(%S+)=(%S+)%s" do
    values[name] = tonumber(value)
    names[#names + 1] = name
  end
  return values, names
end

--- Starts a peer, which will say that it is ready.
---@param name string
---@param command string[]  program and arguments
---@param env table<string, string>|nil  more environment
---@param seconds number|nil  how long it may live; for ever unless given
---@return Peer
function M.spawn(name, command, env, seconds)
  local self = setmetatable({ name = name, text = "" }, Peer)
  self.input, self.output = uv.new_pipe(false), uv.new_pipe(false)
  local args = { unpack(command, 2) }
  for i, arg in ipairs(args) do args[i] = tostring(arg) end
  local why
  self.process, why = uv.spawn(command[1], {
    args = args, env = M.environment(env),
    stdio = { self.input, self.output, 2 },
    detached = seconds ~= nil,
  }, function() self.ended = true end)
  if not self.process then error(name .. ": " .. tostring(why), 0) end
  self.pid = why
  if seconds then limit(self, seconds) end
  self.output:read_start(function(_, data)
    if data then self.text = self.text .. data else self.ended = true end
  end)
  return self
end

--- Waits until the peer is ready; it is ended if it will not be.
---@return Peer
function Peer:await()
  local ok, wrong = pcall(function()
    repeat self.who = read_line(self):match "^ready (.*)$" until self.who
  end)
  if not ok then
    self:stop()
    error(wrong, 0)
  end
  return self
end

--- Starts a peer and waits until it is ready; arguments of `spawn`.
---@return Peer
function M.start(...) return M.spawn(...):await() end

--- Runs a round.
---@return table<string, number> values by name
---@return string[] names in the peer's order
function Peer:round()
  self.input:write "round\n"
  return parse(read_line(self) .. "\n")
end

--- What an unfinished round has come to.
---@return table<string, number> values by name
---@return string[] names in the peer's order
function Peer:rest() return parse(self.text) end

--- Ends the peer.
function Peer:stop()
  self.input:close()
  while not self.ended do uv.run "once" end
  if self.timer then self.timer:close() end
  self.output:close()
  self.process:close()
  uv.run "nowait"  -- lets go of them; a closing Lua state must not have to
end

return M
