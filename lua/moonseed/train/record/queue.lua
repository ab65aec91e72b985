--- What waits to be written to a record's file, and the writing of it.
--
-- Lines are gathered into chunks; libuv's threads append one chunk at a time,
-- so the loop's thread never waits for the disk. The queue is bounded: what
-- comes while it is full is dropped and counted. A write that fails (a full
-- disk) is printed once and tried again until it succeeds, from the byte where
-- it stopped, so the file is not torn by it.

local core = require "moonseed.ffi"
local alarm = require "moonseed.alarm"
local loop = require "moonseed.loop"
local C, uv = core.ffi.C, core.uv

pcall(core.ffi.cdef, [[
  long write(int fd, const void *bytes, size_t n);
  long lseek(int fd, long offset, int whence);
  int usleep(unsigned us);
]])
local SEEK_END = 2

local CHUNK = 64 * 1024  -- bytes that go to the disk at once
local LATEST = 500       -- ms from a line to its write
local RETRY = 1000       -- ms between a write that failed and the next try

local Queue = {}
Queue.__index = Queue

--- Of an open file.
---@param options table  fd; size: of the file; path: for messages; limit: bytes
---                      that may wait; on_written(why): called when there is
---                      room again, after a failed write if `why` is given
---@return table
function Queue.new(options)
  return setmetatable({
    fd = options.fd, size = options.size, path = options.path,
    limit = options.limit, on_written = options.on_written,
    lines = {}, line_bytes = 0,            -- not yet a chunk
    chunks = {}, first = 1, last = 0,      -- { text, n = lines in it }
    bytes = 0, written = 0, at = 0,        -- at: bytes of the first written
    failures = 0,
    waiters = {},                          -- tasks that wait for writes
    syncs = 0,                             -- under way
  }, Queue)
end

-- --- lines -------------------------------------------------------------------

local function seal(self)
  if #self.lines == 0 then return end
  self.last = self.last + 1
  self.chunks[self.last] = { table.concat(self.lines), n = #self.lines }
  self.lines, self.line_bytes = {}, 0
end

--- Whether this many bytes more may wait; `share` of the limit.
---@param n integer
---@param share number
---@return boolean
function Queue:has_room(n, share)
  return self.bytes + n <= self.limit * share
end

--- Takes a line.
---@param line string
function Queue:push(line)
  self.lines[#self.lines + 1] = line
  self.line_bytes = self.line_bytes + #line
  self.bytes = self.bytes + #line
  if self.line_bytes >= CHUNK then
    seal(self)
    self:pump()
  elseif not self.bell then
    self.bell = alarm.set(LATEST, function()
      self.bell = nil
      self:flush()
    end)
  end
end

-- --- writing -----------------------------------------------------------------

local function complain(self, why)
  io.stderr:write("moonseed: record ", self.path, ": ", why,
                  "; training goes on, trying again\n")
end

local function wake(self)
  for waiter in pairs(self.waiters) do loop.wake(waiter) end
end

local function fail(self, why)
  self.failures = self.failures + 1
  if not self.failing then complain(self, why) end
  self.failing = why
  wake(self)
  if self.finishing then return end
  self.retry = alarm.set(RETRY, function()
    self.retry = nil
    self:pump()
  end)
end

local function advance(self, n)
  local chunk = self.chunks[self.first]
  self.written, self.bytes = self.written + n, self.bytes - n
  self.at = self.at + n
  if self.at == #chunk[1] then
    self.chunks[self.first] = nil
    self.first, self.at = self.first + 1, 0
  end
end

local function on_write(self, why, n)
  if self.given_up then return end
  self.writing = false
  if why then return fail(self, why) end
  advance(self, n)
  local failed = self.failing
  self.failing = nil
  self.on_written(failed)
  self:pump()
  wake(self)
end

--- Starts the next write unless one is under way.
function Queue:pump()
  if self.writing or self.retry or self.first > self.last then return end
  self.writing = true
  local text = self.chunks[self.first][1]
  if self.at > 0 then text = text:sub(self.at + 1) end
  uv.fs_write(self.fd, text, -1, loop.guard(function(why, n)
    on_write(self, why, n)
  end))
end

--- Has everything written that waits.
function Queue:flush()
  seal(self)
  self:pump()
end

-- Suspends until is_done(), or for `patience` ms in which nothing was written;
-- whether it is done.
local function wait(self, patience, is_done)
  local task, late = loop.running, false
  self.waiters[task] = true
  while not is_done() and not late and not self.given_up do
    local before, rang = self.written, false
    local bell = alarm.set(patience, function()
      rang = true
      loop.wake(task)
    end)
    loop.rest("a record", self)
    alarm.cancel(bell)
    late = rang and self.written == before
  end
  self.waiters[task] = nil
  return is_done()
end

-- Until what was sealed is written, or a write fails.
local function drain(self, patience)
  self:flush()
  local last = self.last
  local done = wait(self, patience, function()
    return self.first > last or self.failing
  end)
  if done then return end
  self.failing = ("nothing was written for %g ms"):format(patience)
  complain(self, self.failing)
end

-- Pipes and the like cannot, and need not.
local function is_fault(why)
  return why and not why:find "^EINVAL" and not why:find "^ENOTSUP"
end

-- Has the disk keep what is written; what is wrong with that, or nil.
local function fsync(self, patience)
  local done, fault
  self.syncs = self.syncs + 1
  uv.fs_fsync(self.fd, loop.guard(function(why)
    self.syncs, done, fault = self.syncs - 1, true, why
    wake(self)
  end))
  wait(self, patience, function() return done end)
  return is_fault(fault) and "fsync: " .. fault or nil
end

--- Suspends until the disk keeps what was pushed so far, through a loss of
--- power too; gives up on a write that fails, or when nothing moves for
--- `patience` ms.
---@param patience number
function Queue:sync(patience)
  drain(self, patience)
  if self.failing or self.given_up then return end
  local why = fsync(self, patience)
  if why then
    self.failures = self.failures + 1
    complain(self, why)
  end
end

--- As Queue:sync, at the end: a write that failed is tried at once, and then
--- no more.
---@param patience number
function Queue:finish(patience)
  loop.refuse_callback "a record"
  self.finishing = true
  for _, name in ipairs{ "retry", "bell" } do
    if self[name] then alarm.cancel(self[name]) end
    self[name] = nil
  end
  self.failing = nil
  self:sync(patience)
end

--- Whether a thread still uses the file.
---@return boolean
function Queue:is_busy()
  return self.writing or self.given_up or self.syncs > 0
end

-- The write under way, whose end the loop can no longer tell: the file's size
-- does. false: it has not come within a second.
local function await_write(self)
  local text = self.chunks[self.first][1]
  local n = #text - self.at
  for _ = 1, 1000 do
    if C.lseek(self.fd, 0, SEEK_END) >= self.size + self.written + n then
      advance(self, n)
      return true
    end
    C.usleep(1000)
  end
  return false
end

-- On this thread and without libuv: where Lua cannot be suspended, and at the
-- end of the process, when libuv's loop may be closed.
local function write_here(self)
  self.given_up = true
  seal(self)
  if self.writing then
    if not await_write(self) then
      self.failing = "a write does not end"
      return
    end
    self.writing = false
  end
  while self.first <= self.last do
    local text = self.chunks[self.first][1]:sub(self.at + 1)
    local n = tonumber(C.write(self.fd, text, #text))
    if n < 0 then
      self.failing = "error " .. core.ffi.errno()
      return
    end
    advance(self, n)
  end
end

loop.blockers["a record"] = write_here

--- Writes what waits before it returns, on this thread.
function Queue:write_here() write_here(self) end

--- Lines that were never written.
---@return integer
function Queue:left()
  local n = #self.lines
  for i = self.first, self.last do n = n + self.chunks[i].n end
  return n
end

return Queue
