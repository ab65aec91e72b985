--- Host parts: what a captured function does in Lua at every call, replays too.
--
--   host.part(fn, self, loss)    -- fn(self, loss), now and at each replay
--
-- Tensors among the arguments are those of the call that runs; tensors among
-- the results may be used by what follows, if their shapes stay. So an
-- optimiser's step is right by construction, whatever its rates do. Nothing is
-- recorded inside. Outside of a capture this is fn(...).

local core = require "moonseed.ffi"
local check = require "moonseed.check"
local context = require "moonseed.context"
local loop = require "moonseed.loop"
local tensor = require "moonseed.tensor"
local C = core.C

local live = context.live
local out, is = tensor.out, tensor.is

local M = {}

-- In a list of arguments: a tensor that the core hands over.
local PASSED = {}

local function pack(...)
  return { n = select("#", ...), ... }
end

-- The arguments without the tensors, which are noted as passed.
local function note_arguments(recording, args)
  local list = { n = args.n }
  check.status(C.moon_record_host(live, recording.core))
  for i = 1, args.n do
    list[i] = args[i]
    if is(args[i]) then
      check.status(C.moon_record_pass(recording.core, args[i].p))
      list[i], list.passes = PASSED, true
    end
  end
  return list
end

local function note_results(recording, results)
  for i = 1, results.n do
    local t = results[i]
    if is(t) then
      check.status(C.moon_record_given(recording.core, t.p, out))
      results[i] = tensor.wrap(out[0])
    end
  end
  return results
end

local function record(recording, fn, ...)
  local task, args = loop.running, pack(...)
  local part = { fn = fn, args = note_arguments(recording, args) }
  recording.hosts[#recording.hosts + 1] = part
  C.moon_record_pause(live, recording.core)
  task.recording = nil
  local results = pack(xpcall(fn, context.note, ...))
  task.recording = recording
  C.moon_record_resume(live, recording.core)
  if not results[1] then error(results[2], 0) end
  local given = note_results(recording, pack(unpack(results, 2, results.n)))
  return unpack(given, 1, given.n)
end

--- Runs `fn(...)`, and again at each replay of what is being recorded.
---@param fn function
---@param ... any  for `fn`
---@return any ...  what `fn` returned
function M.part(fn, ...)
  local recording = loop.running.recording
  if not recording then return fn(...) end
  return record(recording, fn, ...)
end

-- --- in a replay -----------------------------------------------------------

local function arguments_of(run, args)
  if not args.passes then return args end
  local list, k = { n = args.n }, 0
  for i = 1, args.n do
    list[i] = args[i]
    if list[i] == PASSED then
      check.status(C.moon_replay_passed(run, k, out))
      list[i], k = tensor.wrap(out[0]), k + 1
    end
  end
  return list
end

local function leave(run, before, ok, ...)
  live.task, live.stream, live.device = before.task, before[1], before[2]
  live.grad_mode, live.autocast, live.again = before[3], before[4], before[5]
  if not ok then error((...), 0) end
  local k = 0
  for i = 1, select("#", ...) do
    local t = select(i, ...)
    if is(t) then
      check.status(C.moon_replay_give(run, k, t.p))
      k = k + 1
    end
  end
end

--- Does the part that a replay has come to, where and how it was recorded.
---@param run userdata  moon_replay *
---@param part table
function M.serve(run, part)
  local before = { live.stream, live.device, live.grad_mode, live.autocast,
                   live.again, task = live.task }
  C.moon_replay_enter(run, live)
  local args = arguments_of(run, part.args)
  leave(run, before, xpcall(part.fn, context.note, unpack(args, 1, args.n)))
end

return M
