--- A session at a terminal: the prompt, what is printed above it, and the
--- lines that are run.

local Editor = require "moonseed.repl.editor"
local commands = require "moonseed.repl.commands"
local complete = require "moonseed.repl.complete"
local core = require "moonseed.ffi"
local history = require "moonseed.repl.history"
local interrupt = require "moonseed.repl.interrupt"
local keys = require "moonseed.repl.keys"
local loop = require "moonseed.loop"
local output = require "moonseed.output"
local print = require "moonseed.print"
local Screen = require "moonseed.repl.screen"
local show = require "moonseed.repl.show"
local terminal = require "moonseed.repl.terminal"
local width = require "moonseed.repl.width"

---@class Interactive
local Interactive = {}
Interactive.__index = Interactive

local GREETING = "Moonseed %s. help() says what there is, Ctrl-D ends."

local function has_colours()
  local no, term = os.getenv "NO_COLOR", os.getenv "TERM"
  return (no == nil or no == "") and term ~= "dumb"
end

local function colour(self, code, text)
  if not self.colours then return text end
  return "\27[" .. code .. "m" .. text .. "\27[0m"
end

---@return Interactive
function Interactive.new()
  return setmetatable({ colours = has_colours(), unicode = width.is_utf8(),
                        waiting = {}, rest = "", idle = true }, Interactive)
end

--- What charts and tables are fitted to.
---@return table
function Interactive:style()
  return { columns = self.terminal.columns, height = self.terminal.height,
           unicode = self.unicode, colour = self.colours }
end

-- --- what is printed -------------------------------------------------------

-- A row that is not finished yet, as a line of progress that is written over.
local function last_state(row)
  row = row:gsub("\r+$", ""):gsub("^.*\r", "")
  return (row:gsub("\27%[[%d;]*[A-LN-Za-ln-z]", ""))
end

-- Whole rows and what is left, without what was written over.
local function split(text)
  local rows, rest = text:match "^(.*\n)([^\n]*)$"
  rows, rest = rows or "", rest or text
  return rows:gsub("[^\n]*\r([^\n])", "%1"), (rest:gsub("^.*\r(.)", "\r%1"))
end

-- At the prompt: whole rows go above it, and the begun one stands there until
-- it is finished.
local function print_above(self, text)
  local rows
  rows, self.rest = split(self.rest .. text)
  if rows ~= "" then
    self.screen:erase()
    self.terminal:write(rows)
  end
  self.editor:draw()
end

-- While a line runs: what it prints goes straight out, of other tasks only
-- whole rows. `open`: the line has begun a row.
local function print_through(self, text)
  if self.lines:is_running() then
    self.open = not text:find "\n$"
    return self.terminal:write(text)
  end
  local rows
  rows, self.rest = split(self.rest .. text)
  if rows == "" then return end
  self.terminal:write((self.open and "\n" or "") .. rows)
  self.open = false
end

local function print_text(self, text)
  if text == "" then return end
  local write = self.idle and print_above or print_through
  write(self, text)
end

-- The begun row and the watches, above the prompt.
local function rows_above(self)
  local rows, columns = {}, self.screen.columns
  local begun = last_state(self.rest)
  if begun ~= "" then rows[1] = width.fit(begun, columns) end
  for _, row in ipairs(self.watches:rows()) do
    rows[#rows + 1] = colour(self, "2", width.fit(row, columns))
  end
  return rows
end

--- A watched expression has another value, or is watched no more.
function Interactive:watched()
  if self.idle then self.editor:draw() end
end

-- --- running a line --------------------------------------------------------

-- The prompt begins a new row.
local function end_row(self)
  if self.open then self.terminal:write "\n" end
  self.open = false
end

local function run_line(self, text)
  self.history:add(text)
  if text:find "%S" then
    local why = self.lines:run(text)
    if why then
      end_row(self)
      self.terminal:write(colour(self, "31", why) .. "\n")
    end
    end_row(self)
  end
end

local function tasks_of(session, watches)
  local n = 0
  for child in pairs(session.children) do
    if not child.cancelled then n = n + 1 end
  end
  return n - #watches.list
end

-- Whether to end: at once if nothing goes on, else when asked again.
local function wants_to_end(self, session)
  local active = {}
  for _, run in ipairs(commands.runs()) do
    if run.state == "running" or run.state == "paused" then
      active[#active + 1] = tostring(run.name)
    end
  end
  local n = tasks_of(session, self.watches)
  if (n == 0 and #active == 0) or self.asked then return true end
  self.asked = true
  local what = #active > 0 and "still training: " .. table.concat(active, ", ")
    or n .. (n == 1 and " task goes on" or " tasks go on")
  self.terminal:write(what .. "; Ctrl-D again ends "
                      .. (n == 1 and "it" or "them") .. "\n")
  return false
end

-- --- keys ------------------------------------------------------------------

-- Keys that come while a line runs wait for the next prompt.
local function take_keys(self, events)
  for _, event in ipairs(events) do table.insert(self.queue, event) end
  if self.idle and #self.queue > 0 then
    while self.queue[1] and not self.entered do
      self.editor:take(table.remove(self.queue, 1))
    end
    if self.entered then
      loop.wake(self.session)
    else
      self.editor:draw()
    end
  end
end

-- A Ctrl-C is older than what is read after it.
local function on_bytes(self, bytes)
  if interrupt.is_due() then loop.interrupt() end
  if bytes then return take_keys(self, self.keys:feed(bytes)) end
  self.gone = true
  self.entered = self.entered or { kind = "gone" }
  loop.wake(self.session)
end

local function on_interrupt(self)
  if not self.idle or self.entered then return end
  self.queue = {}
  self.asked = false
  self.editor:cancel()
  self.editor:draw()
end

-- What is shown fits the window.
local function fit(size)
  show.columns = size.columns
  print.width = math.max(size.columns - 8, 20)  -- without closing braces
end

local function on_resize(self)
  local size = self.terminal
  fit(size)
  self.screen:resize(size.columns, size.height)
  if self.idle then self.editor:draw() end
end

-- --- the session -----------------------------------------------------------

-- From now on the prompt's rows are history: nothing is drawn until `read`.
local function enter(self, what)
  self.entered, self.idle = what, false
end

local function open(self, session)
  self.session, self.queue, self.keys = session, {}, keys.new()
  self.history = history.open(history.path())
  self.terminal = terminal.open(
    function(bytes) on_bytes(self, bytes) end,
    function() take_keys(self, self.keys:flush()) end,
    function() on_resize(self) end)
  local size = self.terminal
  fit(size)
  self.screen = Screen.new(function(text) size:write(text) end,
                           size.columns, size.height)
  self.editor = Editor.new{
    screen = self.screen, history = self.history,
    prompts = { colour(self, "1;36", "moon> "), colour(self, "36", "    > ") },
    above = function() return rows_above(self) end,
    is_complete = function(text) return self.lines:is_complete(text) end,
    complete = function(text)
      return complete.complete(text, self.lines.env)
    end,
    on_line = function(text) enter(self, { kind = "line", text = text }) end,
    on_eof = function() enter(self, { kind = "end" }) end,
  }
  self.lines.begin_row = function() end_row(self) end
  self.close_output = output.take(function(text) print_text(self, text) end)
  self.close_interrupt = interrupt.open(session,
                                        function() on_interrupt(self) end)
end

-- Waits until something is entered.
local function read(self)
  self.idle = true
  self.editor:draw()
  take_keys(self, {})
  while not self.entered do
    local e = loop.park("input", self.waiting)
    if e ~= nil then loop.raise_stop(e) end
  end
  local entered = self.entered
  self.entered = nil
  return entered
end

local function serve(self)
  while true do
    local entered = read(self)
    if entered.kind == "gone" then return end
    if entered.kind == "line" then
      self.asked = false
      run_line(self, entered.text)
    elseif wants_to_end(self, self.session) then
      return
    end
  end
end

local function close(self)
  self.screen:erase()
  self.close_interrupt()
  self.terminal:close()
  self.close_output()
  for child in pairs(self.session.children) do child:cancel() end
end

--- Serves the terminal until the user ends the session.
---@param session Task
---@return integer exit status
function Interactive:run(session)
  open(self, session)
  self.terminal:write(GREETING:format(require("moonseed").version) .. "\n")
  core.uv.update_time()
  local ok, why = pcall(serve, self)
  close(self)
  if not ok then error(why, 0) end
  return 0
end

return Interactive
