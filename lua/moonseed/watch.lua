--- Watches a file by its directory (editors rename over a file, and a watch on
--- the file itself goes deaf then), and reads it when it has been quiet for a
--- while. Nothing here blocks the loop.

local core = require "moonseed.ffi"
local alarm = require "moonseed.alarm"
local check = require "moonseed.check"
local loop = require "moonseed.loop"
local uv = core.uv

local M = {}

local QUIET_MS = 75     -- one save is two to four events
local MOST_BYTES = 2 ^ 20

---@class FileWatch
local Watch = {}
Watch.__index = Watch

-- Reads the file in luv's pool; calls done(text), or done(nil, why).
local function read(path, done)
  local function close(fd, text, why)
    uv.fs_close(fd, loop.guard(function() done(text, why) end))
  end
  uv.fs_open(path, "r", 0, loop.guard(function(why, fd)
    if not fd then return done(nil, why) end
    uv.fs_read(fd, MOST_BYTES, 0, loop.guard(function(failure, text)
      close(fd, text, failure)
    end))
  end))
end

local function look(self)
  self.alarm, self.reads = nil, self.reads + 1
  local number = self.reads
  read(self.path, function(text, why)
    if not self.closed and number == self.reads then
      self.on_change(text, why)
    end
  end)
end

local function look_when_quiet(self)
  if self.alarm then alarm.cancel(self.alarm) end
  self.alarm = alarm.set(QUIET_MS, loop.guard(function() look(self) end))
end

local function on_event(self, name)
  if self.closed or (name and name ~= self.name) then return end
  look_when_quiet(self)
end

--- Calls on_change(text) in the loop once soon, for what may have changed
--- before the watch began, and after each change; on_change(nil, why) when the
--- file is gone or cannot be read.
---@param path string
---@param on_change fun(text: string?, why: string?)
---@return FileWatch
function M.start(path, on_change)
  loop.open()
  local folder, name = path:match "^(.*)/([^/]*)$"
  if folder == "" then folder = "/" end
  local self = setmetatable({ path = path, name = name or path, reads = 0,
                              on_change = on_change, closed = false,
                              handle = uv.new_fs_event() }, Watch)
  local ok, why = self.handle:start(folder or ".", {},
    loop.guard(function(_, changed) on_event(self, changed) end))
  if not ok then
    self.handle:close()
    check.fail("watch", "cannot watch %s: %s", folder or ".", why)
  end
  self.handle:unref()
  look_when_quiet(self)
  return self
end

--- Ends the watch.
function Watch:close()
  if self.closed then return end
  self.closed = true
  if self.alarm then alarm.cancel(self.alarm) end
  self.handle:close()
end

return M
