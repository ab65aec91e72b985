--- A session whose lines come from a pipe or a file: plain results, no escape
--- codes, exit status 1 if a line failed.

local core = require "moonseed.ffi"
local interrupt = require "moonseed.repl.interrupt"
local loop = require "moonseed.loop"
local uv = core.uv

---@class Plain
local Plain = {}
Plain.__index = Plain

---@return Plain
function Plain.new() return setmetatable({ status = 0 }, Plain) end

--- What charts and tables are fitted to.
---@return table
function Plain.style()
  return { columns = 80, height = 24, unicode = false, colour = false }
end

--- A watched expression has another value.
---@param _ Plain
---@param watch table|nil
function Plain.watched(_, watch)
  if watch then io.write(watch.name, " = ", watch.text, "\n") end
end

local function fail(self, why)
  io.stdout:flush()
  io.stderr:write(why, "\n")
  self.status = 1
end

local INTERRUPTED = 130  -- exit status: 128 + SIGINT

local function run_text(self, text)
  local why = self.lines:run(text)
  if why then fail(self, why) end
  if why and why:find "interrupted$" then self.interrupted = true end
  io.stdout:flush()
end

-- --- reading, without holding the loop -------------------------------------

local CHUNK = 65536

-- A reader of a stream (pipe, socket, terminal): bytes, or nil at its end.
local function stream_reader(handle)
  local session, parts, ended = loop.running, {}, false
  local wait = {}
  handle:read_start(loop.guard(function(why, bytes)
    if bytes then parts[#parts + 1] = bytes end
    ended = ended or why ~= nil or bytes == nil
    if session.object == wait then loop.wake(session) end
  end))
  return function()
    while #parts == 0 and not ended do
      local e = loop.park("input", wait)
      if e ~= nil then loop.raise_stop(e) end
    end
    local bytes = table.concat(parts)
    parts = {}
    if bytes ~= "" then return bytes end
  end, function() handle:close() end
end

local function file_reader()
  return function()
    local bytes = uv.fs_read(0, CHUNK, -1)
    if bytes and bytes ~= "" then return bytes end
  end, function() end
end

local function reader()
  local kind = uv.guess_handle(0)
  if kind == "pipe" then
    local pipe = uv.new_pipe(false)
    pipe:open(0)
    return stream_reader(pipe)
  elseif kind == "tty" then
    return stream_reader(uv.new_tty(0, true))
  end
  return file_reader()
end

-- Lines of what the reader gives, then nil.
local function line_source(read)
  local rest, ended = "", false
  return function()
    while true do
      local line, more = rest:match "^([^\n]*)\n(.*)$"
      if line then
        rest = more
        return (line:gsub("\r$", ""))
      end
      if ended then
        line, rest = rest, ""
        return line ~= "" and line or nil
      end
      local bytes = read()
      ended = bytes == nil
      rest = rest .. (bytes or "")
    end
  end
end

-- --- the session -----------------------------------------------------------

local function run_all(self, next_line)
  local text
  for line in next_line do
    if self.interrupted then return end
    text = text and text .. "\n" .. line or line
    if self.lines:is_complete(text) then
      run_text(self, text)
      text = nil
    end
  end
  if text then run_text(self, text) end
end

-- Ctrl-C ends all of it.
local function end_tasks(self, session)
  self.status = INTERRUPTED
  for child in pairs(session.children) do child:cancel() end
end

--- Runs what stdin has; tasks that lines started end before the session does.
---@param session Task
---@return integer exit status
function Plain:run(session)
  local close_interrupt = interrupt.open(session, function()
    self.interrupted = true
    loop.stop(session, "interrupted")
  end)
  io.stdout:setvbuf "line"  -- whoever reads does so while tasks go on
  local read, close = reader()
  local ok, why = pcall(run_all, self, line_source(read))
  close()
  close_interrupt()
  if self.interrupted then
    end_tasks(self, session)
  elseif not ok then
    error(why, 0)
  end
  return self.status
end

return Plain
