--- The terminal of a session: keys one by one, its size, text out without
--- waiting for it.
--
-- Raw mode, but with signals: Ctrl-C comes as SIGINT also while a line holds
-- the loop's thread and nobody reads keys. Ctrl-\ ends the process. Ctrl-Z
-- would stop the training, and does nothing.

local core = require "moonseed.ffi"
local loop = require "moonseed.loop"
local verbs = require "moonseed.verbs"
local ffi, uv = core.ffi, core.uv

-- <termios.h> of Linux.
ffi.cdef [[
typedef struct {
  unsigned iflag, oflag, cflag, lflag;
  unsigned char line, cc[32];
  unsigned ispeed, ospeed;
} moon_termios;
int tcgetattr(int fd, moon_termios *out);
int tcsetattr(int fd, int when, const moon_termios *settings);
]]

local RAW, ISIG, VSUSP, VLNEXT, TCSANOW = 1, 1, 10, 15, 0
local MOST_PENDING = 2 ^ 22  -- bytes of a terminal that is slow, or stopped
local ESCAPE_MS = 40         -- a lone escape is a key after this time

local PASTE_ON, PASTE_OFF = "\27[?2004h", "\27[?2004l"

---@class Terminal
---@field columns integer
---@field height integer
local Terminal = {}
Terminal.__index = Terminal

local M = {}

--- Whether both stdin and stdout are terminals.
---@return boolean
function M.is_there()
  return uv.guess_handle(0) == "tty" and uv.guess_handle(1) == "tty"
end

local function keep_signals()
  local settings = ffi.new "moon_termios"
  if ffi.C.tcgetattr(0, settings) ~= 0 then return end
  settings.lflag = bit.bor(settings.lflag, ISIG)
  settings.cc[VSUSP], settings.cc[VLNEXT] = 0, 0
  ffi.C.tcsetattr(0, TCSANOW, settings)
end

local function measure(self)
  local columns, height = self.output:get_winsize()
  if not columns or columns < 1 then columns, height = 80, 24 end
  self.columns, self.height = math.max(columns, 8), math.max(height, 2)
end

-- The user's line may end the process: the shell gets its terminal back.
local function restore_at_exit(self)
  self.exit = os.exit
  rawset(os, "exit", function(...)
    self:restore()
    self.exit(...)
  end)
  self.ender = uv.new_signal()
  self.ender:unref()
  self.ender:start("sigterm", loop.guard(function()
    self:restore()
    self.ender:stop()
    uv.kill(uv.os_getpid(), "sigterm")
  end))
end

--- Takes the terminal.
---@param on_bytes fun(bytes: string|nil)  nil: it is gone
---@param on_pause fun()   nothing has come for a while
---@param on_resize fun()
---@return Terminal
function M.open(on_bytes, on_pause, on_resize)
  local self = setmetatable({ pending = 0, dropped = 0 }, Terminal)
  self.input, self.output = uv.new_tty(0, true), uv.new_tty(1, false)
  self.input:set_mode(RAW)
  keep_signals()
  measure(self)
  self.pause, self.winch = uv.new_timer(), uv.new_signal()
  self.pause:unref()
  self.winch:unref()
  self.winch:start("sigwinch", loop.guard(function()
    measure(self)
    on_resize()
  end))
  self.input:read_start(loop.guard(function(why, bytes)
    if why then bytes = nil end
    on_bytes(bytes)
    if bytes then self.pause:start(ESCAPE_MS, 0, loop.guard(on_pause)) end
  end))
  restore_at_exit(self)
  self:write(PASTE_ON)
  return self
end

--- Writes when the terminal takes it. What one that takes nothing would have
--- to keep beyond 4 MiB is dropped.
---@param text string
function Terminal:write(text)
  if self.closed then return end
  if self.pending > MOST_PENDING then
    self.dropped = self.dropped + #text
    return
  end
  self.pending = self.pending + #text
  self.output:write(text, loop.guard(function()
    self.pending = self.pending - #text
  end))
end

--- Gives the terminal back as it was, at once.
function Terminal:restore()
  if self.restored then return end
  self.restored = true
  uv.tty_reset_mode()
  io.stdout:write(PASTE_OFF)
  io.stdout:flush()
end

--- Waits for what was written, then gives the terminal back.
function Terminal:close()
  self:write(PASTE_OFF)
  for _ = 1, 500 do  -- 1 s, for one that takes nothing
    if self.pending == 0 then break end
    if not pcall(verbs.sleep, 2) then break end
  end
  self.closed = true
  rawset(os, "exit", self.exit)
  uv.tty_reset_mode()
  self.restored = true
  for _, name in ipairs{ "input", "output", "pause", "winch", "ender" } do
    self[name]:close()
  end
end

return M
