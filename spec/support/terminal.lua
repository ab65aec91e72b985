-- A program in a terminal, through tmux: keys in, the screen out.
--
--   local t = terminal.open("scripts/moonseed", { columns = 40, rows = 12 })
--   t:type "1 + 1"  t:key "Enter"
--   t:wait "2"
--
-- Nothing here sleeps for a fixed time: `wait` looks until the text is there.

local uv = require "luv"

local Terminal = {}
Terminal.__index = Terminal

local M = {}

local LIMIT_MS = 60000  -- a slow machine is no failure
local LOOK_MS = 20

local numbered = 0

local function run(command)
  local pipe = io.popen(command .. " 2>&1")
  local text = pipe:read "*a"
  pipe:close()
  return text
end

-- A sanitizer comes first by LD_PRELOAD: into the program, not into tmux.
local preload = os.getenv "LD_PRELOAD"

local function quote(text)
  return "'" .. text:gsub("'", "'\\''") .. "'"
end

--- Whether there is tmux.
---@return boolean
function M.is_there()
  return run("command -v tmux") ~= ""
end

--- Starts a shell command in a terminal of its own.
---@param command string
---@param options table|nil  columns, rows, env: "A=1 B=2" before the command
---@return table terminal
function M.open(command, options)
  local o = options or {}
  numbered = numbered + 1
  local self = setmetatable({
    tmux = ("env -u LD_PRELOAD tmux -L moonseed-%d-%d -f /dev/null "):format(
      uv.os_getpid(), numbered),
  }, Terminal)
  run(("%s new-session -d -x %d -y %d %s \\; set-option -g status off"):format(
    self.tmux, o.columns or 80, o.rows or 24,
    quote("env " .. (preload and "LD_PRELOAD=" .. quote(preload) .. " " or "")
          .. (o.env or "") .. " " .. command .. "; echo ended $?; read _")))
  self:resize(o.columns or 80, o.rows or 24)
  return self
end

function Terminal:close()
  run(self.tmux .. " kill-server")
end

--- Types a text as it is.
function Terminal:type(text)
  text = text:gsub(";$", "\\;")  -- else the end of tmux's own command
  run(self.tmux .. " send-keys -l " .. quote(text))
end

--- Presses keys by tmux's names: Enter, C-r, Up, M-b, Tab, ...
function Terminal:key(...)
  run(self.tmux .. " send-keys " .. table.concat({ ... }, " "))
end

--- Types a line and Enter.
function Terminal:enter(text)
  self:type(text)
  self:key "Enter"
end

--- Pastes, as a terminal does that marks what is pasted.
function Terminal:paste(text)
  run(self.tmux .. " set-buffer " .. quote(text))
  run(self.tmux .. " paste-buffer -p")
end

function Terminal:resize(columns, rows)
  run(("%s resize-window -x %d -y %d"):format(self.tmux, columns, rows))
end

--- What the screen shows, rows without blanks at their ends.
---@return string
function Terminal:screen()
  return (run(self.tmux .. " capture-pane -p"):gsub("\n+$", ""))
end

--- All rows, those that were scrolled away too.
---@return string
function Terminal:all()
  return (run(self.tmux .. " capture-pane -p -S -"):gsub("\n+$", ""))
end

--- Where the cursor is: column and row from 0.
---@return integer, integer
function Terminal:cursor()
  local text = run(self.tmux .. " display-message -p "
                   .. "'#{cursor_x} #{cursor_y}'")
  local x, y = text:match "(%d+) (%d+)"
  return tonumber(x), tonumber(y)
end

--- Looks until `test(screen)` is true, or raises with the screen.
---@param test fun(screen: string): any
---@param what string  for the error
---@return string screen
function Terminal:wait_until(test, what)
  local stop = uv.hrtime() + LIMIT_MS * 1e6
  local screen
  repeat
    screen = self:screen()
    if test(screen) then return screen end
    uv.sleep(LOOK_MS)
  until uv.hrtime() > stop
  error(("no %s on the screen:\n%s"):format(what, screen), 2)
end

--- Looks until the screen has the text.
---@param text string
---@return string screen
function Terminal:wait(text)
  return self:wait_until(function(screen)
    return screen:find(text, 1, true)
  end, "'" .. text .. "'")
end

--- Looks until n rows of the screen are this, whole.
---@param row string
---@param n integer
---@return string screen
function Terminal:wait_rows(row, n)
  return self:wait_until(function(screen)
    local found = 0
    for line in screen:gmatch "[^\n]*" do
      if line == row then found = found + 1 end
    end
    return found >= n
  end, "row '" .. row .. "'")
end

--- Looks until a row of the screen is this, whole.
---@param row string
---@return string screen
function Terminal:wait_row(row) return self:wait_rows(row, 1) end

return M
