--- moon.capture: a function whose operations are recorded once and then queued
-- anew at each call, without Lua and the graph.
--
-- The list is the core's (core/capture). Here: which recording suits a call,
-- what a function may be given and may return, and when to record again.

local core = require "moonseed.ffi"
local check = require "moonseed.check"
local context = require "moonseed.context"
local host = require "moonseed.host"
local loop = require "moonseed.loop"
local pace = require "moonseed.pace"
local recorded = require "moonseed.recorded"
local retry = require "moonseed.retry"
local tensor = require "moonseed.tensor"
local wait = require "moonseed.wait"
local C, ffi = core.C, core.ffi

local live, state = context.live, context.state
local out, is = tensor.out, tensor.is

local M = {}

local MOST = 16  -- recordings of one function that are kept

---@class Capture
---@field fn function
---@field check integer|nil
local Capture = {}
Capture.__index = Capture

-- In a list of arguments: any tensor.
local TENSOR = {}

local run_out = ffi.new "moon_replay *[1]"
local recording_out = ffi.new "moon_recording *[1]"

local function pack(...)
  return { n = select("#", ...), ... }
end

-- --- recordings that are kept ----------------------------------------------

local function release(recording)
  C.moon_recording_release(ffi.gc(recording.core, nil))
  recording.core = nil
end

local function drop(self, recording)
  for i, other in ipairs(self.list) do
    if other == recording then
      table.remove(self.list, i)
      break
    end
  end
  release(recording)
end

local function drop_all(self)
  while self.list[1] do drop(self, self.list[#self.list]) end
end

local function keep(self, recording)
  table.insert(self.list, 1, recording)
  if #self.list > MOST then drop(self, self.list[#self.list]) end
end

-- Whether values that are no tensors are what they were, and what the function
-- has looked at still is.
local function suits(recording, args)
  local known = recording.args
  if known.n ~= args.n then return false end
  for i = 1, args.n do
    local value = args[i]
    if is(value) then
      if known[i] ~= TENSOR then return false end
    elseif not rawequal(known[i], value) then
      return false
    end
  end
  for _, guard in ipairs(recording.guards) do
    if not rawequal(guard[1](guard[2]), guard[3]) then return false end
  end
  return true
end

-- The tensors of a call, for the core.
local function point(self, args)
  local n = 0
  if args.n > self.room then
    self.room = 2 * args.n
    self.pointers = core.array("moon_tensor *[?]", self.room)
  end
  for i = 1, args.n do
    if is(args[i]) then
      self.pointers[n] = args[i].p
      n = n + 1
    end
  end
  return n
end

-- A replay that has begun, and its recording; nil: none suits.
local function begin(self, args)
  for _, recording in ipairs(self.list) do
    if suits(recording, args) then
      if recording.backward then pace.backward() else pace.forward() end
      if not recording.core then return begin(self, args) end
      local n = point(self, args)
      if C.moon_replay_begin(live, recording.core, n, self.pointers,
                             run_out) == 1 then
        return recording, run_out[0]
      end
    end
  end
end

-- --- replaying -------------------------------------------------------------

-- To the end, through host parts and where memory was short.
local function play_on(recording, run, status)
  local attempt, at = 0, -1
  while status ~= 0 do
    if status > 0 then
      retry.over()
      host.serve(run, recording.hosts[status])
    else
      local now = C.moon_replay_at(run)
      attempt = now == at and attempt + 1 or 1
      at = now
      state.op = "capture"
      retry.prepare(status, attempt)
    end
    status = C.moon_replay_step(run)
  end
  retry.over()
end

local function result_of(recording, run, args, i)
  local kind = recording.results[i]
  if kind.argument then return args[kind.argument] end
  if not kind.made then return kind.value end
  local status = C.moon_replay_result(run, kind.made, out)
  if status < 0 then
    retry.call(status, C.moon_replay_result, run, kind.made, out)
  end
  return tensor.wrap(out[0])
end

local function results_of(recording, run, args)
  local list, n = {}, recording.results.n
  if n == 1 then return result_of(recording, run, args, 1) end
  for i = 1, n do list[i] = result_of(recording, run, args, i) end
  return unpack(list, 1, n)
end

local function play(recording, run, args, status)
  if status ~= 0 then play_on(recording, run, status) end
  return results_of(recording, run, args)
end

local function finish(run, ok, ...)
  C.moon_replay_end(ffi.gc(run, nil))
  if not ok then error((...), 0) end
  return ...
end

-- A task that is dropped in a host part leaves the rest to the finaliser.
local function replay(self, recording, run, args)
  self.replayed = self.replayed + 1
  if state.sites then tensor.trace_site() end
  ffi.gc(run, C.moon_replay_end)
  return finish(run, xpcall(play, context.note, recording, run, args,
                            C.moon_replay_step(run)))
end

-- --- recording -------------------------------------------------------------

local function check_argument(i, value)
  if type(value) ~= "table" or value.is_module then return end
  check.fail("capture", "argument %d is a table; give its tensors and numbers "
             .. "one by one", i)
end

-- What the function is given: stand-ins for tensors.
local function stand_ins(recording, args)
  local list, kinds = { n = args.n }, { n = args.n }
  for i = 1, args.n do
    local value = args[i]
    check_argument(i, value)
    list[i], kinds[i] = value, value
    if is(value) then
      kinds[i] = TENSOR
      check.status(C.moon_record_argument(recording.core, value.p, out))
      list[i] = tensor.wrap_kept(out[0])
    end
  end
  recording.args = kinds
  return list
end

local function place_of(list, t)
  for i = 1, list.n do
    if is(list[i]) and list[i].p == t.p then return i end
  end
end

-- How a replay comes by a result.
local function kind_of(recording, given, i, value)
  if type(value) == "table" and not value.is_module then
    check.fail("capture", "the function returns a table as value %d; return "
               .. "tensors and numbers one by one", i)
  elseif not is(value) then
    return { value = value }
  end
  local place = place_of(given, value)
  if place then return { argument = place } end
  if check.status(C.moon_record_result(recording.core, value.p)) == 0 then
    return { value = value }
  end
  recording.n_made = recording.n_made + 1
  return { made = recording.n_made - 1 }
end

local function note_results(recording, given, results)
  local kinds = { n = results.n - 1 }
  for i = 1, kinds.n do
    kinds[i] = kind_of(recording, given, i, results[i + 1])
  end
  recording.results = kinds
end

-- As replays give them: without a graph.
local function shown(recording, args, results)
  local list = { n = recording.results.n }
  for i = 1, list.n do
    local kind, value = recording.results[i], results[i + 1]
    if kind.argument then value = args[kind.argument] end
    if kind.made and value.needs_grad then value = value:detach() end
    list[i] = value
  end
  return unpack(list, 1, list.n)
end

local function run_recorded(self, recording, args)
  local given = stand_ins(recording, args)
  loop.running.recording = recording
  local results = pack(xpcall(self.fn, context.note, unpack(given, 1, given.n)))
  loop.running.recording = nil
  if not results[1] then error(results[2], 0) end
  note_results(recording, given, results)
  local why = C.moon_record_end(live, recording.core)
  recording.moved = context.moved[recording.id]  -- the core names them
  if why ~= nil then recording.never = ffi.string(why) end
  if recording.changes ~= recorded.changes then
    recording.never = recording.never or "a model has changed meanwhile"
  end
  return results
end

local function new_recording()
  check.status(C.moon_record_begin(live, recording_out))
  local p = ffi.gc(recording_out[0], C.moon_recording_release)
  return { core = p, id = tonumber(C.moon_recording_number(p)), hosts = {},
           guards = {}, backward = false, changes = recorded.changes,
           n_made = 0 }
end

-- Runs the function, recorded; what it returned, with the status first.
local function record(self, args)
  local recording = new_recording()
  self.recorded = self.recorded + 1
  local ok, results = xpcall(run_recorded, context.note, self, recording, args)
  context.moved[recording.id] = nil
  if not ok then
    loop.running.recording = nil
    release(recording)
    error(results, 0)
  end
  self.never = recording.never
  return recording, results
end

-- Once; twice where the device learns from the first time.
local function record_new(self, args, is_second)
  local recording, results = record(self, args)
  recording.unsure = not is_second
    and C.moon_recording_unsure(recording.core) == 1
  if recording.never then release(recording) else keep(self, recording) end
  return shown(recording, args, results)
end

-- Once more, to see whether the function still does the same.
local function record_again(self, before, args)
  local recording, results = record(self, args)
  if recording.never or not before.core then
    release(recording)
    return shown(recording, args, results)
  end
  local status = C.moon_recording_compare(recording.core, before.core)
  drop(self, before)
  if status < 0 then release(recording) else keep(self, recording) end
  check.status(status)
  return shown(recording, args, results)
end

-- --- what users call ---------------------------------------------------------

Capture.__call = function(self, ...)
  if loop.running.recording then return self.fn(...) end
  local args = pack(...)
  if self.changes ~= recorded.changes then
    drop_all(self)
    self.changes = recorded.changes
  end
  local recording, run = begin(self, args)
  if not recording then return record_new(self, args) end
  if recording.unsure then
    C.moon_replay_end(run)
    drop(self, recording)
    wait.settle()  -- by then the device knows
    return record_new(self, args, true)
  end
  self.calls = self.calls + 1
  if self.check and self.calls % self.check == 0 then
    C.moon_replay_end(run)
    return record_again(self, recording, args)
  end
  return replay(self, recording, run, args)
end

--- Forgets what was recorded: the next call records again.
function Capture:forget() drop_all(self) end

--- Counts: recorded, replayed, kept (recordings), ops (of the newest one), and
--- why what was recorded last cannot be replayed, if it cannot.
---@return table
function Capture:stats()
  local newest = self.list[1]
  return { recorded = self.recorded, replayed = self.replayed,
           kept = #self.list, never = self.never,
           ops = newest and tonumber(C.moon_recording_size(newest.core)) or 0 }
end

--- A function that does what `fn` does, in every bit, and is quicker about it:
--- the first call (or two, where a device learns what is fastest) runs `fn` and
--- records the operations that it queues, backward passes, changes of gradients
--- and running statistics; later ones queue the same list anew, without Lua and
--- without a graph.
---
---   local step = moon.capture(function(x, y)
---     local loss = nn.cross_entropy(model(x), y)
---     opt:zero_grad()
---     loss:backward()
---     opt:step()
---     return loss
---   end)
---   for x, y in train:batches{ 128 } do total:add_(step(x, y)) end
---
--- Each call has random numbers of its own, and results that nobody overwrites.
--- Optimisers, schedules, averages, metrics and gardens do their part in Lua at
--- every call, so a rate may be assigned as ever; so does the alpha of seeds.
---
--- It records again for arguments of another shape, dtype, layout or device,
--- for other values of those that are no tensors, inside another autocast or
--- no_grad, when a model's modules, modes or seeds have changed, and where
--- gradients begin otherwise than they did. Everything else that `fn` reads in
--- Lua is as it was when it was recorded: numbers, tables, and tensors that the
--- host makes (moon.tensor); what it writes there is written once. An argument
--- that requires its gradient stands for itself alone.
---
--- `fn` returns tensors and plain values; a tensor whose graph no backward has
--- walked is an error. While it is recorded it cannot read values (item,
--- tostring, ...), wait, start tasks or use files: that is an error with the
--- line that does it.
---@param fn function
---@param options table|nil  check = n: each n-th call that could be a replay
---  runs `fn` again and compares what it does with what was recorded: a
---  difference is an error that names the first op that differs
---@return Capture  to be called like `fn`; also :stats() and :forget()
function M.capture(fn, options)
  check.callable("capture", "its argument", fn)
  local o = check.options("capture", options, {}, { check = check.optional })
  if o.check ~= nil then check.count("capture", "check", o.check, 1) end
  return setmetatable({ fn = fn, check = o.check, list = {}, calls = 0,
                        recorded = 0, replayed = 0, room = 4,
                        changes = recorded.changes,
                        pointers = core.array("moon_tensor *[?]", 4) },
                      Capture)
end

return M
