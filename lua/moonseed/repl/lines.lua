--- Runs what was typed: each line a task, in the session's globals.

local chunk = require "moonseed.repl.chunk"
local context = require "moonseed.context"
local failure = require "moonseed.repl.failure"
local interrupt = require "moonseed.repl.interrupt"
local loop = require "moonseed.loop"
local show = require "moonseed.repl.show"
local task = require "moonseed.task"

---@class Lines
---@field env table     the session's globals
---@field session Task
---@field begin_row fun()  before results are shown
local Lines = {}
Lines.__index = Lines

local KEPT = 9  -- earlier results: _1 to _9

---@param env table
---@param session Task
---@return Lines
function Lines.new(env, session)
  return setmetatable({ env = env, session = session, number = 1,
                        results = {}, begin_row = function() end }, Lines)
end

local function name_of(self) return "line" .. self.number end

--- Whether it can be run, or is wrong for good: more rows would not help.
---@param text string
---@return boolean
function Lines:is_complete(text)
  local _, _, more = chunk.compile(text, name_of(self), self.env)
  return not more
end

-- _ is the newest, _1 the one before it.
local function keep(self, value)
  local results, env = self.results, self.env
  table.insert(results, 1, value)
  results[KEPT + 2] = nil
  env._ = results[1]
  for i = 1, KEPT do env["_" .. i] = results[i + 1] end
end

local function show_results(self, silent, ...)
  local n = select("#", ...)
  local first = ...
  if n == 0 or (n == 1 and rawequal(first, io.stdout)) then return end
  if first ~= nil then keep(self, first) end
  if silent then return end
  local parts = {}
  for i = 1, n do parts[i] = show.text((select(i, ...))) end
  self.begin_row()
  io.write(table.concat(parts, "\n"), "\n")
end

local function run_function(self, fn, silent)
  local this = loop.running
  local ok, e = xpcall(function()
    show_results(self, silent, fn(chunk.pass))
  end, context.note)
  this:hand_over(self.session)  -- what it spawned goes on without it
  if not ok then error(e, 0) end
end

--- Whether a line's own task is what runs now.
---@return boolean
function Lines:is_running()
  return loop.running == self.task
end

--- Runs a line to its end. What it returns is shown and kept as `_`.
---@param text string
---@return string|nil  what went wrong, if anything did
function Lines:run(text)
  local source = "=" .. name_of(self)
  local fn, why = chunk.compile(text, name_of(self), self.env)
  self.number = self.number + 1
  if not fn then return why end
  local silent = chunk.is_silent(text)
  local line = task.spawn(function() run_function(self, fn, silent) end,
                          { name = source:sub(2), same_stream = true })
  self.task = line
  interrupt.begin(line, source)
  local stopped = line:join()
  interrupt.finish(self.session)
  if stopped ~= nil then loop.raise_stop(stopped) end
  if line.failed then return failure.text(line.error, line.trace) end
end

return Lines
