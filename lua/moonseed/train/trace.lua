--- The streams of runs as a Chrome trace (JSON), for Perfetto's viewer
--- (ui.perfetto.dev) or chrome://tracing: a process per run, a thread per
--- stream, a slice per op. Every timeline that the reader kept is in it.
--
-- Format: "Trace Event Format", Google, 2016; complete events (ph "X") and
-- names (ph "M"). ts and dur are microseconds.

local line = require "moonseed.train.record.line"
local numbers = require "moonseed.train.report.numbers"

local M = {}

local function name_event(what, pid, tid, name)
  return ('{"ph":"M","name":%s,"pid":%d,"tid":%d,"args":{"name":%s}}'):format(
    line.text(what), pid, tid, line.text(name))
end

local function slice(span, pid, step, offset)
  return ('{"ph":"X","name":%s,"cat":"op","pid":%d,"tid":%d,"ts":%.3f,'
    .. '"dur":%.3f,"args":{"step":%d,"status":%s,"queued_us":%.3f}}'):format(
    line.text(span.name), pid, span.stream, (offset + span.start) / 1e3,
    (span.stop - span.start) / 1e3, step or 0,
    line.text(tostring(span.status)), (span.start - span.submit) / 1e3)
end

local function add_run(out, run, pid)
  local timelines, first = {}, math.huge
  for _, entry in ipairs(run.events) do
    if entry.kind == "streams" then
      local found = numbers.spans(entry)
      timelines[#timelines + 1] = found
      first = math.min(first, found.origin)
    end
  end
  out[#out + 1] = name_event("process_name", pid, 0, run.name)
  local named = {}
  for _, found in ipairs(timelines) do
    for _, span in ipairs(found.spans) do
      if not named[span.stream] then
        named[span.stream] = true
        out[#out + 1] = name_event("thread_name", pid, span.stream,
                                   "stream " .. span.stream)
      end
      out[#out + 1] = slice(span, pid, found.step, found.origin - first)
    end
  end
end

--- The trace of the runs' timelines.
---@param runs table[]  as reader.read gives them
---@return string  JSON
function M.draw(runs)
  local out = {}
  for i, run in ipairs(runs) do add_run(out, run, i) end
  return '{"displayTimeUnit":"ms","traceEvents":[\n'
    .. table.concat(out, ",\n") .. "\n]}\n"
end

return M
