--- What was typed, kept in a file: an entry a line, appended at once, so that
--- sessions side by side lose nothing of each other.

local core = require "moonseed.ffi"
local ffi, uv = core.ffi, core.uv

ffi.cdef "int flock(int fd, int operation);"

local M = {}

local LOCK_EX, LOCK_NB, LOCK_UN = 2, 4, 8
local MOST = 2000         -- entries that are kept
local LONGEST = 20000     -- bytes of an entry
local TRIES = 50          -- of 1 ms, to get the lock

---@class History
local History = {}
History.__index = History

--- Where it is kept unless told otherwise.
---@return string|nil  nil without a home
function M.path()
  local state, home = os.getenv "XDG_STATE_HOME", os.getenv "HOME"
  if not state or state == "" then
    if not home or home == "" then return nil end
    state = home .. "/.local/state"
  end
  return state .. "/moonseed/history"
end

local function make_folders(path)
  for i in path:gmatch "()/" do
    if i > 1 then uv.fs_mkdir(path:sub(1, i - 1), 448) end  -- 0700
  end
end

local function encode(text)
  return (text:gsub("\\", "\\\\"):gsub("\n", "\\n"):gsub("%z", ""))
end

local function decode(line)
  return (line:gsub("\\(.)", function(c) return c == "n" and "\n" or c end))
end

local function entries(bytes)
  local list = {}
  for line in bytes:gmatch "([^\n]+)\n" do list[#list + 1] = line end
  return list
end

-- The file, opened and locked. Another session may have renamed a shorter one
-- over it while this one waited.
local function open_locked(path)
  for _ = 1, TRIES do
    local fd = uv.fs_open(path, "a+", 384)  -- 0600
    if not fd then return nil end
    local locked = ffi.C.flock(fd, LOCK_EX + LOCK_NB) == 0
    local there, mine = uv.fs_stat(path), uv.fs_fstat(fd)
    if locked and there and mine and there.ino == mine.ino then return fd end
    uv.fs_close(fd)
    uv.sleep(1)
  end
end

local function close(fd)
  ffi.C.flock(fd, LOCK_UN)
  uv.fs_close(fd)
end

-- Writes the last MOST entries to another file and renames it over this one.
local function shorten(path, list)
  local temporary = ("%s.%d"):format(path, uv.os_getpid())
  local fd = uv.fs_open(temporary, "w", 384)
  if not fd then return end
  local last = table.concat(list, "\n", #list - MOST + 1) .. "\n"
  local written = uv.fs_write(fd, last, 0)
  uv.fs_close(fd)
  if written == #last then
    uv.fs_rename(temporary, path)
  else
    uv.fs_unlink(temporary)
  end
end

local function load(path)
  local fd = open_locked(path)
  if not fd then return {} end
  local size = uv.fs_fstat(fd).size
  local list = entries(uv.fs_read(fd, size, 0) or "")
  if #list > 2 * MOST then shorten(path, list) end
  close(fd)
  local texts = {}
  for i = math.max(1, #list - MOST + 1), #list do
    texts[#texts + 1] = decode(list[i])
  end
  return texts
end

--- The history of the sessions before, and of this one.
---@param path string|nil  nil: kept in memory only
---@return History
function M.open(path)
  if path then make_folders(path) end
  return setmetatable({ path = path, list = path and load(path) or {} },
                      History)
end

--- Adds an entry, unless it is empty or the same as the one before.
---@param text string
function History:add(text)
  if not text:find "%S" or #text > LONGEST then return end
  if self.list[#self.list] == text then return end
  self.list[#self.list + 1] = text
  if #self.list > 2 * MOST then table.remove(self.list, 1) end
  local fd = self.path and open_locked(self.path)
  if not fd then return end
  uv.fs_write(fd, encode(text) .. "\n", -1)
  close(fd)
end

--- The newest entry before position `from` that contains `text`.
---@param text string
---@param from integer
---@return integer|nil position
function History:find(text, from)
  for i = math.min(from, #self.list + 1) - 1, 1, -1 do
    if self.list[i]:find(text, 1, true) then return i end
  end
end

return M
