--- Reads a record, see docs/record.md: curves as arrays, events as tables.
--
-- A record of a million lines is read in well under a second: lines of the
-- scalar's known shape are taken apart byte by byte, all others by cjson. Of
-- events that come in masses the first and the last are kept, and all are
-- counted. A line that is no JSON (half-written when the process was killed) is
-- counted and passed over.

local cjson = require("cjson").new()
local check = require "moonseed.check"
local core = require "moonseed.ffi"
local Curve = require "moonseed.train.report.curve"
local ffi = core.ffi

-- A number in JSON has a point whatever the locale: so has "C".
pcall(ffi.cdef, [[
  void *newlocale(int mask, const char *name, void *base);
  double strtod_l(const char *text, char **end, void *locale);
  int memcmp(const void *a, const void *b, size_t n);
]])
local LC_NUMERIC_MASK = 2  -- glibc
local C, text_of, cast = ffi.C, ffi.string, ffi.cast
local locale = C.newlocale(LC_NUMERIC_MASK, "C", nil)
local stopped = ffi.new "char *[1]"

cjson.decode_invalid_numbers(false)  -- JSON has no nan

local M = {}

local CHUNK = 2 ^ 20  -- bytes read at once

-- First and last events kept of a kind; of transitions, which make the lanes,
-- more.
local KEEP, keep = 250, { stage = 5000 }
-- Kinds that are needed when they are met.
local at_once = { start = true, dropped = true }

-- --- scalars -----------------------------------------------------------------

local QUOTE, BACKSLASH, BRACE, NEWLINE = 34, 92, 125, 10
local ZERO, NINE, MINUS = 48, 57, 45

-- What stands before a scalar's name, step and value.
local function constant(text)
  local copy = ffi.new "uint8_t[16]"
  ffi.copy(copy, text, #text)
  return copy, #text
end

local head, n_head = constant '{"scalar":"'
local mid, n_mid = constant '","step":'
local tail, n_tail = constant ',"value":'

local function starts(p, at, stop, text, n)
  return at + n <= stop and C.memcmp(p + at, text, n) == 0
end

-- The scalar at `at`: name, step, value and where the next line begins; nil for
-- a line of another shape. `stop`: the end of the bytes, where a zero stands.
local function scalar_at(p, at, stop)
  if not starts(p, at, stop, head, n_head) then return nil end
  local from = at + n_head
  local to = from
  while to < stop and p[to] ~= QUOTE do
    if p[to] == BACKSLASH then return nil end
    to = to + 1
  end
  if not starts(p, to, stop, mid, n_mid) then return nil end
  at = to + n_mid
  local step, digits = 0, at
  while p[at] >= ZERO and p[at] <= NINE do
    step, at = step * 10 + (p[at] - ZERO), at + 1
  end
  if at == digits or not starts(p, at, stop, tail, n_tail) then return nil end
  at = at + n_tail
  local first = p[at] == MINUS and p[at + 1] or p[at]
  if first < ZERO or first > NINE then return nil end
  local value = C.strtod_l(cast("const char *", p + at), stopped, locale)
  at = cast("const uint8_t *", stopped[0]) - p
  if p[at] ~= BRACE or p[at + 1] ~= NEWLINE then return nil end
  return text_of(p + from, to - from), step, value, at + 2
end

local function add_scalar(run, name, step, value)
  local curve = run.curves[name]
  if not curve then
    curve = Curve.new(name)
    run.curves[name] = curve
    run.names[#run.names + 1] = name
  end
  run.superseded = run.superseded + curve:add(step, value)
  run.n_scalars = run.n_scalars + 1
end

-- --- events ------------------------------------------------------------------

local words = { nan = 0 / 0, inf = math.huge, ["-inf"] = -math.huge }

-- Numbers that are not finite, null and lists as Lua has them.
local function plain(value)
  if value == cjson.null then return nil end
  if type(value) ~= "table" then return value end
  if value.value == cjson.null and words[value.why] then
    return words[value.why]
  end
  for key, member in pairs(value) do value[key] = plain(member) end
  return value
end

local function count_kind(run, kind)
  local kept = run.kinds[kind]
  if not kept then
    kept = { n = 0, list = {}, ring = {} }
    run.kinds[kind] = kept
  end
  kept.n = kept.n + 1
  run.n_events = run.n_events + 1
  return kept
end

-- What a resumed run does again: later steps of before are void.
local function resume(run, event)
  if type(event.step) ~= "number" then return end
  run.resumes[#run.resumes + 1] = { line = run.n_lines, step = event.step }
  for _, curve in pairs(run.curves) do
    run.superseded = run.superseded + curve:cut(event.step)
  end
end

local function add_event(run, kind, text, event)
  local kept, most = count_kind(run, kind), keep[kind] or KEEP
  local entry = { line = run.n_lines, text = text, event = event }
  if at_once[kind] then
    entry.event = event or plain(cjson.decode(text))
    if kind == "start" then resume(run, entry.event) end
    if kind == "dropped" then
      run.dropped = run.dropped + (tonumber(entry.event.lines) or 0)
    end
  end
  if kept.n <= most then
    kept.list[kept.n] = entry
  else
    kept.ring[kept.n % most] = entry
  end
end

-- --- lines -------------------------------------------------------------------

local function decode(run, text)
  local ok, found = pcall(cjson.decode, text)
  if not ok or type(found) ~= "table" then return false end
  local name, step, value = found.scalar, found.step, found.value
  if type(name) == "string" and type(step) == "number" then
    if type(value) ~= "number" then value = words[found.why] or 0 / 0 end
    add_scalar(run, name, step, value)
    return true
  elseif type(found.event) == "string" then
    add_event(run, found.event, text, plain(found))
    return true
  end
  return false
end

-- A kind without an escape, of a line that is whole.
local function kind_of(text)
  return text:byte(-1) == BRACE and text:match '^{"event":"([%w_]+)"'
end

local function add_line(run, text)
  if text == "" then return end
  run.n_lines = run.n_lines + 1
  local kind = kind_of(text)
  local ok
  if kind then
    ok = pcall(add_event, run, kind, text)
  else
    ok = decode(run, text)
  end
  if not ok then run.torn = run.torn + 1 end
end

local function add_lines(run, chunk)
  local p, n = cast("const uint8_t *", chunk), #chunk
  local at = 0
  while at < n do
    local name, step, value, after = scalar_at(p, at, n)
    if name then
      run.n_lines = run.n_lines + 1
      add_scalar(run, name, step, value)
      at = after
    else
      local stop = chunk:find("\n", at + 1, true) or n + 1
      add_line(run, chunk:sub(at + 1, stop - 1))
      at = stop
    end
  end
end

-- --- the whole ---------------------------------------------------------------

-- false: it is no JSON after all. Of timelines, which are long, only the step;
-- see M.spans.
local function decode_entry(entry)
  if entry.event then return true end
  if entry.kind == "streams" then
    entry.event = { step = tonumber(entry.text:match '"step":(%d+)'),
                    time = tonumber(entry.text:match '"time":([%d.]+)') }
    return true
  end
  local ok, event = pcall(cjson.decode, entry.text)
  entry.event, entry.text = ok and plain(event), nil
  return ok
end

local function all_entries(run)
  local list = {}
  for kind, kept in pairs(run.kinds) do
    for _, entries in ipairs{ kept.list, kept.ring } do
      for _, entry in pairs(entries) do
        entry.kind = kind
        if decode_entry(entry) then
          list[#list + 1] = entry
        else
          run.torn, run.n_events = run.torn + 1, run.n_events - 1
          kept.n = kept.n - 1
        end
      end
    end
  end
  table.sort(list, function(a, b) return a.line < b.line end)
  return list
end

-- Entries in the order of the file; those that a resume made void say so.
local function settle_events(run)
  local list = all_entries(run)
  local least, at = math.huge, #run.resumes
  for i = #list, 1, -1 do
    local entry = list[i]
    while at > 0 and run.resumes[at].line > entry.line do
      least, at = math.min(least, run.resumes[at].step), at - 1
    end
    local step = entry.event.step
    entry.void = type(step) == "number" and step > least
  end
  run.events = list
end

local function name_of(path)
  local folder = path:match "([^/]+)/[^/]*$"
  return path:match "/record%.jsonl$" and folder or path:match "[^/]+$"
end

--- The spans of a timeline, as the record has them.
---@param entry table  an event of the kind "streams"
---@return table  { step, origin (ns), spans = { { name, stream, submit, start,
---               stop, status }, ... } }
function M.spans(entry)
  local event = entry.event
  if entry.text then
    local ok, found = pcall(cjson.decode, entry.text)
    event = ok and plain(found) or event
  end
  return { step = event.step, origin = tonumber(event.origin) or 0,
           spans = type(event.spans) == "table" and event.spans or {} }
end

local function open(path)
  local inside = (path:gsub("/+$", "")) .. "/record.jsonl"
  local file = io.open(inside, "rb")
  if file then return file, inside end
  local why
  file, why = io.open(path, "rb")
  if not file then check.fail("report", "%s", why) end
  -- A folder can be opened, not read.
  if select(2, file:read(0)) then
    file:close()
    check.fail("report", "there is no record.jsonl in %s", path)
  end
  return file, path
end

--- Reads a record: its file, or the folder it is in as record.jsonl.
---@param path string
---@return table run  name, path; curves by name (see curve.lua) and names in
---  order; events { kind, line, event, void } in order; kinds: n of each;
---  n_lines, n_scalars, n_events, superseded (points), torn (lines), bytes,
---  dropped (lines)
function M.read(path)
  check.text("report", "the record", path)
  local file
  file, path = open(path)
  local run = { path = path, name = name_of(path), curves = {}, names = {},
                kinds = {}, resumes = {}, n_lines = 0, n_scalars = 0,
                n_events = 0, superseded = 0, torn = 0, bytes = 0,
                dropped = 0 }
  while true do
    local chunk, rest = file:read(CHUNK, "*l")
    if not chunk then break end
    add_lines(run, rest and chunk .. rest .. "\n" or chunk)
  end
  run.bytes = file:seek "end"
  file:close()
  if run.n_lines == 0 then check.fail("report", "%s has no lines", path) end
  settle_events(run)
  return run
end

return M
