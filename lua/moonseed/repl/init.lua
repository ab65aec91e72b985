--- The interactive session: `moonseed`, and `moonseed --repl train.lua`.
--
-- It is a task in the same loop as everything else. While it waits for keys the
-- loop runs, and trainings go on at their full rate. From a pipe or a file it
-- reads plain lines and prints plain results.

local moon = require "moonseed"
local commands = require "moonseed.repl.commands"
local failure = require "moonseed.repl.failure"
local Lines = require "moonseed.repl.lines"
local loop = require "moonseed.loop"
local script = require "moonseed.repl.script"
local terminal = require "moonseed.repl.terminal"
local Watches = require "moonseed.repl.watches"

local M = {}

-- An error of a task that nobody awaits is told when it happens.
local function tell_failures(session, face)
  local told = getmetatable(session.unread)
  told.__newindex = function(unread, failed, value)
    rawset(unread, failed, value)
    failed.awaited, face.status = true, 1
    io.stderr:write("task ", failed:title(), " failed: ",
                    failure.text(failed.error, failed.trace), "\n")
  end
end

local function prepare(face)
  local session = loop.running
  tell_failures(session, face)
  local env = commands.globals(function() return face:style() end)
  local watches = Watches.new(env, function(watch) face:watched(watch) end)
  --- watch("expression", seconds): shows it above the prompt, as it changes.
  function env.watch(expression, seconds) watches:add(expression, seconds) end
  --- unwatch("expression"): ends a watch; all of them without one.
  function env.unwatch(expression)
    watches:remove(expression)
    face:watched()
  end
  face.lines, face.watches = Lines.new(env, session), watches
  return session, env
end

--- Runs a session to its end.
---@param arguments string[]  a script to run beside it and its arguments, or
---                           none
---@return integer exit status
function M.start(arguments)
  local kind = terminal.is_there() and "moonseed.repl.interactive"
    or "moonseed.repl.plain"
  local status = 0
  moon.main(function()
    local face = require(kind).new()
    local session, env = prepare(face)
    if arguments[1] and not script.start(arguments, env) then
      status = 1
      return
    end
    status = face:run(session)
    face.watches:remove()
  end)
  return status
end

return M
