--- The streams during one step: which op ran where and when.

local html = require "moonseed.train.report.html"
local numbers = require "moonseed.train.report.numbers"
local plot = require "moonseed.train.report.plot"

local M = {}

local COLOURS = 8    -- of ops; the rest share the last
local MOST = 4000    -- spans drawn

local function ms(ns) return ("%.3f"):format(ns / 1e6) end

-- The ops that take the most time have a colour of their own.
local function colours_of(spans)
  local time, names = {}, {}
  for _, span in ipairs(spans) do
    if not time[span.name] then names[#names + 1] = span.name end
    time[span.name] = (time[span.name] or 0) + span.stop - span.start
  end
  table.sort(names, function(a, b)
    if time[a] ~= time[b] then return time[a] > time[b] end
    return a < b
  end)
  local colour, legend = {}, {}
  for i, name in ipairs(names) do
    colour[name] = math.min(i, COLOURS)
    if i < COLOURS or #names == COLOURS then
      legend[#legend + 1] = { class = "c" .. i, text = name }
    elseif i == COLOURS then
      legend[i] = { class = "c" .. i, text = #names - COLOURS + 1 .. " others" }
    end
  end
  return colour, legend
end

local function rect(span, colour, o)
  local x = tonumber(plot.place(span.start, o.x0, o.x1))
  local w = math.max(tonumber(plot.place(span.stop, o.x0, o.x1)) - x, 0.4)
  return ('<rect class="c%d%s" x="%g" y="120" width="%g" height="760"><title>'
    .. "%s, %s us, %s</title></rect>"):format(
    colour, span.status == "ok" and "" or " failed", x, w,
    html.text(span.name), ("%.1f"):format((span.stop - span.start) / 1e3),
    html.text(span.status))
end

local function stream_table(found, key)
  local rows, length = {}, math.max(found.last - found.first, 1)
  for i, row in ipairs(found.streams) do
    local function fact(what, text)
      return html.fact(("%s/stream/%s/%s"):format(key, row.stream, what), text)
    end
    rows[i] = { "stream " .. html.text(row.stream),
                fact("ops", html.count(row.ops)), fact("busy", ms(row.busy)),
                fact("share", html.percent(row.busy / length)) }
  end
  return html.table({ "", "ops", "busy, ms", "of the step" }, rows)
end

local function lanes_of(timeline, colour)
  local found, by_stream = timeline.found, {}
  local o = { x0 = 0, x1 = math.max(found.last - found.first, 1), lanes = {},
              height = "1.7rem", label = "ops of",
              x_text = function(ns) return ("%.4g ms"):format(ns / 1e6) end }
  for i = 1, math.min(#timeline.spans, MOST) do
    local s = timeline.spans[i]
    by_stream[s.stream] = by_stream[s.stream] or {}
    local moved = { name = s.name, status = s.status,
                    start = s.start - found.first, stop = s.stop - found.first }
    table.insert(by_stream[s.stream], rect(moved, colour[s.name], o))
  end
  for i, row in ipairs(found.streams) do
    o.lanes[i] = { title = "stream " .. row.stream,
                   svg = table.concat(by_stream[row.stream] or {}) }
  end
  local hidden = #timeline.spans - MOST
  return plot.lanes(o)
    .. (hidden > 0 and html.note(html.count(hidden) .. " ops are not drawn.")
        or "")
end

local function draw_one(timeline, key)
  local found = timeline.found
  local colour, legend = colours_of(timeline.spans)
  local function fact(what, text)
    return html.fact(key .. "/" .. what, text)
  end
  local text = ("Step %s: %s ops in %s ms. For %s ms at least one stream was "
    .. "busy, for %s ms two or more were: an overlap of %s."):format(
    fact("step", html.count(timeline.step)),
    fact("ops", html.count(#timeline.spans)),
    fact("length", ms(found.last - found.first)), fact("busy", ms(found.busy)),
    fact("overlap", ms(found.overlap)),
    fact("share", html.percent(found.share)))
  return "<p>" .. text .. "</p>" .. html.legend(legend)
    .. lanes_of(timeline, colour) .. stream_table(found, key)
end

--- The step in which the streams overlap most, and the last one if that is
--- another; nothing without a timeline.
---@param run table
---@param key string  of the run, for its numbers
---@return string
function M.draw(run, key)
  local seen = numbers.timelines(run)
  if not seen then return "" end
  local out = draw_one(seen.most, key .. "/most")
  if seen.last ~= seen.most then
    out = out .. "<br>" .. draw_one(seen.last, key .. "/last")
  end
  if seen.n == 1 then return out end
  return ("<p>%s steps were recorded; the streams overlap for %s to %s of the "
    .. "time in which they are busy (%d steps looked at). Most in the first "
    .. "one shown; the last one recorded is shown, too.</p>"):format(
    html.fact(key .. "/streams/recorded", html.count(seen.recorded)),
    html.fact(key .. "/streams/least", html.percent(seen.least_share)),
    html.fact(key .. "/streams/most", html.percent(seen.most_share)),
    seen.n) .. out
end

return M
