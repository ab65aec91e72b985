--- What a report says of a run in numbers, from what the reader found.

local reader = require "moonseed.train.report.reader"

local M = {}

-- --- steps and starts --------------------------------------------------------

--- The last step that anything in the record is about.
---@param run table
---@return number
function M.last_step(run)
  local last = 0
  for _, curve in pairs(run.curves) do last = math.max(last, curve.last) end
  for _, entry in ipairs(run.events) do
    local step = entry.event.step
    if not entry.void and type(step) == "number" then
      last = math.max(last, step)
    end
  end
  return last
end

--- How the process(es) went that wrote the record.
---@param run table
---@return table  starts: of processes; start: the last one's event; closed:
---               whether the last has ended in order; dropped: lines; seconds:
---               from the first event to the last
function M.course(run)
  local course = { starts = 0, closed = false, dropped = run.dropped,
                   failures = run.kinds.write_failed
                     and run.kinds.write_failed.n or 0 }
  local first, last
  for _, entry in ipairs(run.events) do
    local event = entry.event
    if type(event.time) == "number" then
      first, last = first or event.time, event.time
    end
    if entry.kind == "start" then
      course.starts, course.start = course.starts + 1, event
      course.closed = false
    elseif entry.kind == "end" then
      course.closed = event.closed == true
    end
  end
  course.seconds = first and last - first or 0
  return course
end

-- --- seeds -------------------------------------------------------------------

local function title_of(event)
  return tostring(event.slot) .. "/" .. tostring(event.seed or 1)
end

--- What every seed went through.
---@param run table
---@return table[]  { title, history = { { step, stage, alpha, why, blueprint
---                 } } }, in the order of their first event; stages are true
---                 until the next entry
function M.lanes(run)
  local list, by_title = {}, {}
  for _, entry in ipairs(run.events) do
    local event = entry.event
    if entry.kind == "stage" and not entry.void and event.slot
       and type(event.step) == "number" then
      local title = title_of(event)
      local lane = by_title[title]
      if not lane then
        lane = { title = title, history = {} }
        by_title[title], list[#list + 1] = lane, lane
      end
      lane.history[#lane.history + 1] = event
    end
  end
  return list
end

-- The last value of a seed's curve from step `from` up to `to`.
local function value_in(run, what, title, from, to)
  local curve = run.curves[what .. "/" .. title]
  if not curve then return nil end
  local value = curve:at(to)
  if value == nil or curve:step_at(to) < from then return nil end
  return value
end

local per_seed = { "contribution", "parameters", "flops", "alpha" }

local function close(run, row, to)
  for _, what in ipairs(per_seed) do
    row[what] = value_in(run, what, row.title, row.planted_at, to)
  end
  return row
end

--- Everything that was planted.
---@param run table
---@return table[]  { title, blueprint, planted_at, stage, since, why,
---                 contribution, parameters, flops, alpha }; of numbers the
---                 last in the life of this planting
function M.plantings(run)
  local rows = {}
  for _, lane in ipairs(M.lanes(run)) do
    local row
    for _, event in ipairs(lane.history) do
      if event.stage == "GERMINATED" then
        if row then close(run, row, event.step - 1) end
        row = { title = lane.title, blueprint = event.blueprint,
                planted_at = event.step }
        rows[#rows + 1] = row
      end
      if row then
        row.stage, row.since, row.why = event.stage, event.step, event.why
      end
    end
    if row then close(run, row, math.huge) end
  end
  table.sort(rows, function(a, b)
    if a.planted_at ~= b.planted_at then return a.planted_at < b.planted_at end
    return a.title < b.title
  end)
  return rows
end

-- --- streams -----------------------------------------------------------------

--- The spans of a timeline, checked.
---@param entry table  an event of the kind "streams"
---@return table  { step, origin, spans = { { name, stream, submit, start, stop,
---               status } } }, times in ns from the origin
function M.spans(entry)
  local found, spans = reader.spans(entry), {}
  for _, row in ipairs(found.spans) do
    local start, stop = tonumber(row[4]), tonumber(row[5])
    if start and stop and stop >= start then
      spans[#spans + 1] = { name = tostring(row[1]),
                            stream = tonumber(row[2]) or 0,
                            submit = tonumber(row[3]) or start, start = start,
                            stop = stop, status = row[6] }
    end
  end
  return { step = found.step, origin = found.origin, spans = spans }
end

-- Adds up where at least one stream, and at least two, run something. Spans of
-- one stream may touch; they count once.
local function sweep(spans)
  local marks = {}
  for _, span in ipairs(spans) do
    marks[#marks + 1] = { span.start, 1, span.stream }
    marks[#marks + 1] = { span.stop, -1, span.stream }
  end
  table.sort(marks, function(a, b)
    if a[1] ~= b[1] then return a[1] < b[1] end
    return a[2] < b[2]
  end)
  local open, busy, one, two, last = {}, 0, 0, 0, 0
  for _, mark in ipairs(marks) do
    if busy >= 1 then one = one + mark[1] - last end
    if busy >= 2 then two = two + mark[1] - last end
    last = mark[1]
    local before = open[mark[3]] or 0
    open[mark[3]] = before + mark[2]
    if before == 0 and mark[2] == 1 then
      busy = busy + 1
    elseif before > 0 and before + mark[2] == 0 then
      busy = busy - 1
    end
  end
  return one, two
end

--- How much of a timeline's streams ran side by side.
---@param spans table[]  as `timeline` gives them
---@return table  first, last (ns); busy: ns with an op on any stream; overlap:
---               ns with ops on two or more; share: overlap / busy; streams: {
---               stream, ops, busy } by number
function M.overlap(spans)
  local found = { first = math.huge, last = 0, streams = {} }
  local by_stream = {}
  for _, span in ipairs(spans) do
    local list = by_stream[span.stream]
    if not list then
      list = {}
      by_stream[span.stream] = list
      table.insert(found.streams, { stream = span.stream })
    end
    list[#list + 1] = span
    found.first = math.min(found.first, span.start)
    found.last = math.max(found.last, span.stop)
  end
  for _, row in ipairs(found.streams) do
    local list = by_stream[row.stream]
    row.ops, row.busy = #list, (sweep(list))
  end
  table.sort(found.streams, function(a, b) return a.stream < b.stream end)
  found.busy, found.overlap = sweep(spans)
  found.share = found.busy > 0 and found.overlap / found.busy or 0
  return found
end

local LOOKED_AT = 32  -- timelines of a record, at most

--- Of the timelines in a record, evenly chosen if they are many: the last, and
--- how far they overlap.
---@param run table
---@return table|nil  last, most: { step, spans, found } as `spans` and
---                   `overlap` give them, most: the one that overlaps most; n:
---                   looked at; recorded: in the record; least_share,
---                   most_share
function M.timelines(run)
  local entries = {}
  for _, entry in ipairs(run.events) do
    if entry.kind == "streams" then entries[#entries + 1] = entry end
  end
  local n, seen = math.min(#entries, LOOKED_AT), nil
  for i = 1, n do
    local timeline = M.spans(entries[math.ceil(i * #entries / n)])
    if #timeline.spans > 0 then
      timeline.found = M.overlap(timeline.spans)
      local share = timeline.found.share
      seen = seen or { n = 0, least_share = share, most_share = -1,
                       recorded = run.kinds.streams.n }
      seen.n, seen.last = seen.n + 1, timeline
      seen.least_share = math.min(seen.least_share, share)
      if share > seen.most_share then
        seen.most, seen.most_share = timeline, share
      end
    end
  end
  return seen
end

return M
