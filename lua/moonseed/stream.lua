--- Streams and events: in-order queues on a device, and points on them.

local core = require "moonseed.ffi"
local check = require "moonseed.check"
local collect = require "moonseed.collect"
local context = require "moonseed.context"
local recorded = require "moonseed.recorded"
local wait = require "moonseed.wait"
local C, ffi = core.C, core.ffi

local live = context.live

local M = {}

---@class Event  what was submitted to a stream so far
local Event = {}
Event.__index = Event

--- Suspends until all of it is complete.
---@return Event
function Event:await()
  wait.users_event("await", self.point)
  return self
end

--- Whether all of it is complete.
---@return boolean
function Event:is_ready()
  return C.moon_event_ready(live.rt, self.point) == 1
end

---@class Stream
---@field number integer   the core's number of it
---@field device integer   the core's number of its device
local Stream = {}
Stream.__index = Stream

local streams = {}  -- by number: a stream has one Lua object

local function stream_of(number)
  local self = streams[number]
  if not self then
    local device = check.status(C.moon_stream_device(live.rt, number))
    self = setmetatable({ number = number, device = device }, Stream)
    streams[number] = self
  end
  return self
end

---@return integer
function Stream:id() return self.number end

function Stream:__tostring() return "stream " .. self.number end

--- The point that the stream has been filled to.
---@return Event
function Stream:event()
  local point = C.moon_stream_event(live.rt, self.number)
  return setmetatable({ point = point }, Event)
end

--- What is submitted to this stream from now on waits for the event, without
--- the host.
---@param event Event
function Stream:wait(event)
  if getmetatable(event) ~= Event then
    check.fail("wait", "its argument is an event, not %s", type(event))
  end
  check.status(C.moon_stream_wait_event(live.rt, self.number, event.point))
end

--- Suspends until everything submitted to this stream is complete.
function Stream:synchronize()
  wait.users_event("synchronize",
                   C.moon_stream_event(live.rt, self.number))
end

--- Suspends until everything submitted so far is complete, on all streams, and
--- frees what was released.
function M.synchronize()
  wait.idle()
  collect.release()
end

--- Runs `fn` with `stream` as the current one.
---@param stream Stream
---@param fn function
---@return any ...  what `fn` returned
function M.on(stream, fn)
  if getmetatable(stream) ~= Stream then
    check.fail("on", "its first argument is a stream, not %s", type(stream))
  end
  check.callable("on", "its second argument", fn)
  return context.with_stream(stream.number, stream.device, fn)
end

--- The stream that ops are queued on now.
---@return Stream
function M.current()
  return stream_of(live.stream)
end

-- --- the streams of a device ---------------------------------------------

---@class Streams
---@field device integer
local Streams = {}
Streams.__index = Streams

--- The streams of a device, the current one unless named.
---@param device string|nil
---@return Streams
function M.streams(device)
  return setmetatable({ device = context.find_device(device) }, Streams)
end

--- The next compute stream, round robin.
---@return Stream
function Streams:next()
  return stream_of(check.status(C.moon_stream_next(live.rt, self.device)))
end

--- The first compute stream.
---@return Stream
function Streams:default()
  return stream_of(check.status(C.moon_stream_default(live.rt, self.device)))
end

local function give_back(number, ok, ...)
  check.status(C.moon_stream_release(live.rt, number))
  if not ok then error((...), 0) end
  return ...
end

--- Runs `fn(stream)` on a stream that nobody else gets meanwhile.
---@param fn function
---@return any ...  what `fn` returned
function Streams:lease(fn)
  check.callable("lease", "its argument", fn)
  recorded.refuse("lease", "lease a stream outside")
  local number = check.status(C.moon_stream_lease(live.rt, self.device))
  return give_back(number, xpcall(context.with_stream, context.note, number,
                                  self.device, fn, stream_of(number)))
end

--- configure{ count = n }: how many compute streams round robin uses. An error
--- once streams were handed out and the count differs.
---@param options table
function Streams:configure(options)
  local o = check.options("streams", options, {}, { count = check.required })
  check.count("streams", "count", o.count)
  check.status(C.moon_stream_configure(live.rt, self.device, o.count))
end

local numbers = { "ops", "depth", "errors", "busy_ns", "age_ns", "queue_p50",
                  "queue_p95", "queue_p99", "run_p50", "run_p95", "run_p99" }

-- Calls visit(number) for each stream of the device.
local function each(self, visit)
  for number = 0, C.MOON_MAX_STREAMS - 1 do
    local device = C.moon_stream_device(live.rt, number)
    if device < 0 then return end
    if device == self.device then visit(number) end
  end
end

--- Per stream: ops, depth (ops in flight), errors, busy_ns, age_ns, busy (the
--- share), leased, and percentiles of queue and run time in ns.
---@return table[]
function Streams:stats()
  local list, raw = {}, ffi.new "moon_stream_stats"
  each(self, function(number)
    check.status(C.moon_stream_stats_read(live.rt, number, raw))
    local row = { stream = number, leased = raw.leased ~= 0 }
    for _, name in ipairs(numbers) do row[name] = tonumber(raw[name]) end
    row.busy = row.age_ns > 0 and row.busy_ns / row.age_ns or 0
    list[#list + 1] = row
  end)
  return list
end

--- The last ops of each stream, newest first: name, stream, status ("ok", ...),
--- submit_ns, start_ns, end_ns on one monotonic clock, the kernel that ran and
--- whose it was (`by`: "cpu", or "ref" where that has none for such a call).
---@param n integer|nil  at most, per stream; 256 unless given
---@return table[]
function Streams:recent(n)
  n = n and check.count("recent", "n", n, 1) or 256
  local list, spans = {}, core.array("moon_op_span[?]", n)
  each(self, function(number)
    local have = check.status(C.moon_stream_recent(live.rt, number, spans, n))
    for i = 0, have - 1 do
      local span = spans[i]
      list[#list + 1] = {
        name = ffi.string(span.name), stream = number,
        status = ffi.string(C.moon_status_name(span.status)),
        submit_ns = tonumber(span.submit_ns),
        start_ns = tonumber(span.start_ns), end_ns = tonumber(span.end_ns),
        kernel = ffi.string(span.kernel), by = ffi.string(span.by),
      }
    end
  end)
  return list
end

return M
