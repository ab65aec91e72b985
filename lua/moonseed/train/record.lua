--- What a run leaves behind: scalars and events, a line of JSON each.
--
--   local record = Record.open{ "runs/first/record.jsonl",
--                               meta = { epochs = 10 } }
--   record:scalar("loss", step, 0.31)
--   record:event("checkpoint", { step = 1200, path = "1200.safetensors" })
--   record:close()
--
-- Writing never makes the training wait: lines go through a bounded queue to
-- libuv's threads, within half a second. When the disk does not keep up,
-- scalars are dropped first, events once twice as much waits; how many is an
-- event of its own, and record.dropped. What goes wrong with the disk is one
-- printed line and an event later. docs/record.md is the schema.

local core = require "moonseed.ffi"
local check = require "moonseed.check"
local environment = require "moonseed.train.record.environment"
local garden_values = require "moonseed.train.record.garden"
local line = require "moonseed.train.record.line"
local Queue = require "moonseed.train.record.queue"
local runtime = require "moonseed.runtime"
local uv = core.uv

---@class Record
---@field path string
---@field dropped integer  lines that were not written: the disk was slow
local Record = {}
Record.__index = Record

--- The number of the schema, raised when a reader has to know.
Record.SCHEMA = 1

local known = {
  append = false, meta = check.optional,
  limit = 8 * 2 ^ 20,  -- bytes that may wait for the disk
  patience = 10000,    -- ms that close waits for a disk that does nothing
}

local opened = {}  -- records that are not closed

local function now()
  local seconds, microseconds = uv.gettimeofday()
  return seconds + microseconds / 1e6
end

-- --- opening -----------------------------------------------------------------

-- Whether a line was left half-written by a process that was killed.
local function is_torn(fd, size)
  return size > 0 and uv.fs_read(fd, 1, size - 1) ~= "\n"
end

local function open_file(path, append)
  local fd, why = uv.fs_open(path, append and "a+" or "w", 420)  -- 0644
  if not fd then check.fail("Record", "%s", why) end
  local size = uv.fs_fstat(fd).size
  return fd, size, append and is_torn(fd, size)
end

local function push_drops(self)
  if self.unsaid == 0 or not self.queue:has_room(0, 0.5) then return end
  local n = self.unsaid
  self.unsaid = 0
  self.queue:push(line.event("dropped", now(), { lines = n,
                                                 total = self.dropped }))
end

-- There is room again, after a failed write if `why` is given.
local function on_written(self, why)
  if why then
    self.queue:push(line.event("write_failed", now(), {
      why = why, failures = self.queue.failures }))
  end
  push_drops(self)
end

--- Record.open{ path, append = false, meta = { ... } }: makes the file, or goes
--- on with it; its folder is there. Writes the event "start" with the
--- environment and `meta`, whose `step` says from where a resumed run goes on:
--- what the record has of later steps is void from then on.
---   limit      bytes that may wait for the disk
---   patience   ms that close waits for a disk that does nothing
---@param options table
---@return Record
function Record.open(options)
  local o = check.options("Record", options, { "path" }, known)
  check.text("Record", "path", o.path)
  check.boolean("Record", "append", o.append)
  check.count("Record", "limit", o.limit, 1)
  check.time("Record", "patience", o.patience)
  local meta = o.meta and check.table("Record", "meta", o.meta) or {}
  local start = { schema = Record.SCHEMA, append = o.append,
                  environment = environment(), meta = meta, step = meta.step }
  local ok, first = pcall(line.event, "start", now(), start)
  if not ok then check.fail("Record", "meta: %s", first) end
  local fd, size, torn = open_file(o.path, o.append)
  local self = setmetatable({ path = o.path, dropped = 0, unsaid = 0, fd = fd,
                              patience = o.patience, seen = {} }, Record)
  self.queue = Queue.new{
    fd = fd, size = size, path = o.path, limit = o.limit,
    on_written = function(why) on_written(self, why) end }
  if torn then first = "\n" .. first end
  self.queue:push(first)
  opened[self] = true
  return self
end

-- --- writing -----------------------------------------------------------------

-- Of the queue's limit: what scalars may fill, and events.
local SCALARS, EVENTS = 1, 2

-- Once scalars were dropped, none is taken until half of the queue is empty.
local function push(self, text, share)
  if self.closed then
    check.fail("record", "%s is closed", self.path)
  end
  push_drops(self)
  local waits = self.unsaid > 0 and share == SCALARS
  if not waits and self.queue:has_room(#text, share) then
    return self.queue:push(text)
  end
  self.dropped, self.unsaid = self.dropped + 1, self.unsaid + 1
end

--- A value of a curve. One that is not finite is written as null, with why.
---@param name string   "loss", "alpha/early/1"
---@param step integer
---@param value number
function Record:scalar(name, step, value)
  check.text("record: scalar", "name", name)
  check.count("record: scalar", "step", step)
  check.number("record: scalar", "value", value)
  push(self, line.scalar(name, step, value), SCALARS)
end

-- The record's own names, and the kind that a garden's events carry.
local function own_fields(kind, fields)
  local result = {}
  for name, value in pairs(fields) do
    if name == "event" or name == "time" or name == "scalar" then
      check.fail("record: event", "the field '%s' is the record's own", name)
    end
    if not (name == "kind" and value == kind) then result[name] = value end
  end
  return result
end

--- Something that happened. A garden's `on_event` may pass its events as they
--- are: record:event(event.kind, event).
---@param kind string
---@param fields table|nil  plain values
function Record:event(kind, fields)
  check.text("record: event", "kind", kind)
  fields = check.table("record: event", "fields", fields or {})
  local ok, text = pcall(line.event, kind, now(), own_fields(kind, fields))
  if not ok then
    if text:find "record: event" then error(text, 0) end
    check.fail("record: event", "%s: %s", kind, text)
  end
  push(self, text, EVENTS)
end

--- What the seeds of a garden are worth now, as far as it has changed since the
--- last call: alpha, contribution and cost, see record/garden.lua. Suspends
--- when a seed is new, to count its cost.
---@param garden table
function Record:garden(garden) garden_values(self, garden, self.seen) end

local function starts_before(a, b) return a.start_ns < b.start_ns end

--- Which op ran on which stream when: the timeline of a step.
---@param step integer
---@param spans table[]  as moon.streams():recent() gives them
---@param since number|nil  uv.hrtime() at the start of the step; ops that began
---                         before are left out, those of earlier steps that ran
---                         since are not
function Record:streams(step, spans, since)
  check.count("record: streams", "step", step)
  local rows, origin = {}, since or math.huge
  for _, span in ipairs(check.table("record: streams", "spans", spans)) do
    if span.start_ns >= (since or 0) then
      rows[#rows + 1] = span
      if not since then origin = math.min(origin, span.start_ns) end
    end
  end
  table.sort(rows, starts_before)
  for i, s in ipairs(rows) do
    rows[i] = { s.name, s.stream, s.submit_ns - origin, s.start_ns - origin,
                s.end_ns - origin, s.status }
  end
  self:event("streams", { step = step, spans = rows,
                          origin = #rows > 0 and origin or nil })
end

-- --- the end -----------------------------------------------------------------

local function push_end(self, closed)
  if self.unsaid > 0 then
    self.queue:push(line.event("dropped", now(), { lines = self.unsaid,
                                                   total = self.dropped }))
    self.unsaid = 0
  end
  self.queue:push(line.event("end", now(), { closed = closed,
                                             dropped = self.dropped }))
end

local function shut(self)
  opened[self], self.closed = nil, true
  local left = self.queue:left()
  self.dropped = self.dropped + left
  if left > 0 then
    io.stderr:write(("moonseed: record %s: %d lines could not be written: %s\n")
      :format(self.path, left, tostring(self.queue.failing)))
  end
  -- A thread that still writes needs the file.
  if not self.queue:is_busy() then uv.fs_close(self.fd) end
end

--- Suspends until the disk keeps what was recorded so far, through a loss of
--- power too. Gives up when a write fails or nothing moves for `patience`.
function Record:sync()
  if not self.closed and not self.closing then
    self.queue:sync(self.patience)
  end
end

--- Has everything written, and suspends until the disk keeps it. Gives up, and
--- says so, when a write fails or nothing moves for `patience`. Again: does
--- nothing.
function Record:close()
  if self.closed or self.closing then return end
  self.closing = true
  push_end(self, true)
  self.queue:finish(self.patience)
  shut(self)
end

-- The process ends, and nobody has closed these.
runtime.at_close(function()
  for record in pairs(opened) do
    if not record.closing then push_end(record, false) end
    record.queue:write_here()
    shut(record)
  end
end)

return Record
