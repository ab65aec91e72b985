--- A policy's thread as the loop sees it: one request at a time, answered in a
--- callback, or given up.
--
-- Nothing here waits for a policy. A thread that is idle is told to end and
-- joined, which takes it less than a millisecond; one that is not is abandoned:
-- its socket closes, and it sleeps from its next look at it until the process
-- ends.

local core = require "moonseed.ffi"
local alarm = require "moonseed.alarm"
local check = require "moonseed.check"
local loop = require "moonseed.loop"
local codec = require "moonseed.seed.policy.codec"
local uv = core.uv

local M = {}

-- The worker ends a request after limit_ms itself; when it cannot (a call into
-- C that does not return), it is given up this much later.
local GRACE_MS = 1000

---@class PolicyThread
---@field busy boolean  a request is out
---@field gone boolean  stopped or abandoned
local Thread = {}
Thread.__index = Thread

--- luv's records of threads that may still run: freeing one would let its
--- thread write into freed memory.
M.records = {}

-- The thread's first function; it has no upvalues here.
local function entry(path, cpath, fd, limit_ms)
  package.path, package.cpath = path, cpath
  require("moonseed.seed.policy.worker").serve(fd, limit_ms)
end

local function frame(message)
  local text = codec.encode(message)
  return ("%08x"):format(#text) .. text
end

local function finish(self, reply)
  local on_reply = self.on_reply
  alarm.cancel(self.overdue)
  self.busy, self.on_reply, self.overdue = false, nil, nil
  on_reply(reply)
end

-- Whole messages out of what has arrived.
local function take(self)
  local length = tonumber(self.received:sub(1, 8), 16)
  if #self.received < 8 or #self.received < 8 + length then return end
  local reply = codec.decode(self.received:sub(9, 8 + length))
  self.received = self.received:sub(9 + length)
  finish(self, reply)
end

local function give_up(self, why)
  local was_busy = self.busy
  self:abandon()
  if was_busy then
    finish(self, { ok = false, overdue = true, why = why, stage = "decide" })
  end
end

local function on_read(self, failure, bytes)
  if self.gone then return end
  if not bytes then
    return give_up(self, "its thread ended: " .. tostring(failure or "closed"))
  end
  self.received = self.received .. bytes
  take(self)
end

--- Starts a thread with a Lua state of its own.
---@param limit_ms number  for each request
---@return PolicyThread
function M.start(limit_ms)
  loop.open()
  local fds, why = uv.socketpair("stream", nil, { nonblock = true },
                                 { nonblock = false })
  if not fds then check.fail("policy", "no socket: %s", why) end
  local self = setmetatable({ limit_ms = limit_ms, received = "", busy = false,
                              gone = false, pipe = uv.new_pipe(false) },
                            Thread)
  self.pipe:open(fds[1])
  self.pipe:unref()
  self.pipe:read_start(loop.guard(function(failure, bytes)
    on_read(self, failure, bytes)
  end))
  self.record = uv.new_thread(entry, package.path, package.cpath, fds[2],
                              limit_ms)
  M.records[self.record] = true
  return self
end

--- Sends a request; on_reply is called in the loop, once, unless the thread is
--- stopped or abandoned first.
---@param request table   { what = ... }, see worker.lua
---@param on_reply fun(reply: table)
function Thread:call(request, on_reply)
  assert(not self.busy and not self.gone, "policy: a thread that is not free")
  self.busy, self.on_reply = true, on_reply
  self.overdue = alarm.set(self.limit_ms + GRACE_MS, loop.guard(function()
    give_up(self, ("took more than %g ms and cannot be stopped"):format(
      self.limit_ms))
  end))
  self.pipe:write(frame(request))
end

--- Lets go of the thread, whatever it does. Its reply is not heard.
function Thread:abandon()
  if self.gone then return end
  self.gone = true
  if self.overdue then alarm.cancel(self.overdue) end
  self.pipe:close()
end

--- Ends the thread if it is idle, and abandons it otherwise.
function Thread:stop()
  if self.gone then return end
  local message = frame{ what = "stop" }
  local idle = not self.busy
    and self.pipe:try_write(message) == #message
  self:abandon()
  if idle then
    self.record:join()
    M.records[self.record] = nil
  end
end

return M
