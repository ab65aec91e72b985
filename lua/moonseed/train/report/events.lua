--- The list of what happened.

local html = require "moonseed.train.report.html"
local line = require "moonseed.train.record.line"

local M = {}

local MOST = 400  -- events listed

-- What says nothing: alpha is told by the lane.
local idle = { ["alpha 0"] = true, ["append false"] = true }

-- What a field of its own column or sentence shows.
local placed = { event = true, time = true, step = true, epoch = true,
                 slot = true, seed = true, kind = true, why = true,
                 from = true, stage = true, blueprint = true, gate = true,
                 passed = true, failed = true, spans = true,
                 environment = true, schema = true, meta = true,
                 actions = true }

-- --- one event ---------------------------------------------------------------

local function checks(event, name)
  local list = event[name]
  if type(list) ~= "table" or #list == 0 then return "" end
  local parts = {}
  for i, text in ipairs(list) do parts[i] = html.text(text) end
  return ("<br><small>%s: %s</small>"):format(
    (event.gate and html.text(event.gate) .. " " or "") .. name,
    table.concat(parts, "; "))
end

local function json(value)
  if type(value) == "string" then return value end
  if type(value) == "number" then return ("%.6g"):format(value) end
  if type(value) ~= "table" then return tostring(value) end
  local ok, text = pcall(line.event, "", 0, { v = value })
  return ok and text:match '"v":(.*)}\n$':gsub('"', "") or "?"
end

local function rest(event)
  local names, parts = {}, {}
  for name, value in pairs(event) do
    local is_empty = type(value) == "table" and next(value) == nil
    if not (placed[name] or is_empty) then
      names[#names + 1] = tostring(name)
    end
  end
  table.sort(names)
  for i, name in ipairs(names) do
    parts[i] = html.text(name .. " " .. json(event[name]))
  end
  return parts
end

-- "early/1 germinate conv_heavy: no better for 3 epochs"
local function action_text(action)
  local parts = { ("%s/%s"):format(tostring(action.slot),
                                   tostring(action.seed or 1)),
                  tostring(action.action), action.blueprint }
  local text = table.concat(parts, " ")
  return html.text(action.why and text .. ": " .. tostring(action.why) or text)
end

local function add_actions(parts, actions)
  if type(actions) ~= "table" then return end
  for _, action in ipairs(actions) do
    if type(action) == "table" then
      parts[#parts + 1] = action_text(action)
    end
  end
end

local function what_of(event)
  local parts = {}
  if event.stage then
    parts[1] = ("%s → %s"):format(html.text(tostring(event.from)):lower(),
                                  html.text(tostring(event.stage)):lower())
  end
  add_actions(parts, event.actions)
  if event.blueprint then parts[#parts + 1] = html.text(event.blueprint) end
  for _, text in ipairs(rest(event)) do
    if not idle[text] then parts[#parts + 1] = text end
  end
  if event.why then parts[#parts + 1] = html.text(event.why) end
  return table.concat(parts, " · ") .. checks(event, "passed")
    .. checks(event, "failed")
end

local bad = { failed = true, rolled_back = true, policy_failed = true,
              policy_overdue = true, checkpoint_failed = true,
              not_rolled_back = true, dropped = true, write_failed = true,
              error = true }
local warn = { plan_rejected = true, policy_rejected = true,
               policy_silent = true, policy_deleted = true,
               reload_failed = true }

local function clock(seconds)
  if type(seconds) ~= "number" then return "" end
  seconds = math.max(0, math.floor(seconds + 0.5))
  return ("%d:%02d:%02d"):format(math.floor(seconds / 3600),
                                 math.floor(seconds / 60) % 60, seconds % 60)
end

local function item(entry, start)
  local event = entry.event
  local place = event.slot and html.text(
    tostring(event.slot) .. (event.seed and "/" .. event.seed or "")) or ""
  local class = bad[entry.kind] and "bad" or warn[entry.kind] and "warn" or ""
  return ('<li%s><time>%s</time><b>%s</b><em class="%s">%s</em>'
    .. "<span>%s%s</span></li>\n"):format(
    entry.void and ' class="void"' or "",
    clock(tonumber(event.time) and event.time - start),
    type(event.step) == "number" and html.count(event.step) or "",
    class, html.text(entry.kind:gsub("_", " ")),
    place ~= "" and "<u>" .. place .. "</u> " or "", what_of(event))
end

-- --- the list ----------------------------------------------------------------

local function counts(run, key)
  local kinds = {}
  for kind in pairs(run.kinds) do kinds[#kinds + 1] = kind end
  table.sort(kinds)
  for i, kind in ipairs(kinds) do
    kinds[i] = ("%s %s"):format(
      html.fact(key .. "/events/" .. kind, html.count(run.kinds[kind].n)),
      html.text(kind:gsub("_", " ")))
  end
  return "<p>" .. table.concat(kinds, " · ") .. "</p>\n"
end

-- Timelines have their own section.
local function listed(run)
  local list = {}
  for _, entry in ipairs(run.events) do
    if entry.kind ~= "streams" then list[#list + 1] = entry end
  end
  return list
end

--- The events of a run, and how many there are of each kind.
---@param run table
---@param key string  of the run, for its numbers
---@return string
function M.draw(run, key)
  if run.n_events == 0 then return "" end
  local list, out = listed(run), { counts(run, key), '<ol class="events">' }
  local start = run.events[1] and tonumber(run.events[1].event.time) or 0
  local half, any_void = MOST / 2, false
  for i, entry in ipairs(list) do
    if #list <= MOST or i <= half or i > #list - half then
      out[#out + 1] = item(entry, start)
      any_void = any_void or entry.void
    end
  end
  out[#out + 1] = "</ol>\n"
  local timelines = run.kinds.streams and run.kinds.streams.n or 0
  local left = run.n_events - timelines - math.min(#list, MOST)
  if left > 0 then
    out[#out + 1] = html.note(("Thinned: %s of the %s events are not listed; "
      .. "of those that came in masses the first and the last are."):format(
      html.count(left), html.count(run.n_events)))
  end
  if any_void then
    out[#out + 1] = html.note("Crossed out: steps that a resumed run has done "
                              .. "again.")
  end
  return table.concat(out)
end

return M
