--- Swim lanes: a strip per seed, coloured by stage, over its alpha.

local html = require "moonseed.train.report.html"
local numbers = require "moonseed.train.report.numbers"
local plot = require "moonseed.train.report.plot"
local stage = require "moonseed.seed.stage"

local M = {}

local LEAST = 2       -- units: the least width of a stage that can be seen
local COLUMNS = 500   -- stretches of a thinned alpha curve
local MOST = 6000     -- stages drawn, in all lanes together

-- --- stages ------------------------------------------------------------------

local function strip(lane, o, seen, most)
  local out, hidden = {}, math.max(0, #lane.history - most)
  for i = 1 + hidden, #lane.history do
    local event, following = lane.history[i], lane.history[i + 1]
    local stop = following and following.step or o.x1
    local name = stage.number[event.stage] and event.stage or "DORMANT"
    seen[name] = true
    local x = tonumber(plot.place(event.step, o.x0, o.x1))
    local w = math.max(tonumber(plot.place(stop, o.x0, o.x1)) - x, LEAST)
    if name ~= "DORMANT" then
      out[#out + 1] = (
        '<rect class="s-%s" x="%g" y="120" width="%g" height="330"><title>'
        .. "%s %s, step %s to %s%s</title></rect>"):format(
        name, x, w, html.text(lane.title), html.text(event.stage:lower()),
        html.count(event.step), html.count(stop),
        event.why and ": " .. html.text(event.why) or "")
    end
  end
  return table.concat(out), hidden
end

-- --- alpha -------------------------------------------------------------------

local function alpha_points(curve, o)
  local list, indices = {}, curve:thin(COLUMNS, o.x0, o.x1)
  for _, i in ipairs(indices) do
    list[#list + 1] = { curve.steps[i], curve.values[i] }
  end
  return list
end

local function height_of(alpha)
  return ("%.4g"):format(1000 - 480 * math.max(0, math.min(1, alpha)))
end

-- An area, from a curve, or from the alphas of the stages where there is none.
local function ribbon(run, lane, o)
  local curve = run.curves["alpha/" .. lane.title]
  local points = curve and curve.n > 0 and alpha_points(curve, o)
  if not points then
    points = {}
    for _, event in ipairs(lane.history) do
      local value = stage.is_blended(event.stage) and tonumber(event.alpha) or 0
      points[#points + 1] = { event.step, value }
    end
  end
  local out, last = {}, nil
  for _, point in ipairs(points) do
    if point[2] == point[2] then
      local x, y = plot.place(point[1], o.x0, o.x1), height_of(point[2])
      out[#out + 1] = (last and "L" or ("M%s 1000L"):format(x)) .. x .. " " .. y
      last = y
    end
  end
  if not last then return "" end
  return ('<path class="alpha" data-alpha="%s" d="%sH1000V1000Z"/>'):format(
    html.text(lane.title), table.concat(out))
end

-- --- decisions ---------------------------------------------------------------

local marks = { plan_applied = "m-good", plan_rejected = "m-warn",
                rolled_back = "m-bad", failed = "m-bad",
                policy_failed = "m-bad", policy_overdue = "m-bad",
                policy_rejected = "m-warn", reload_failed = "m-warn",
                policy_reloaded = "m-info", reloaded = "m-info" }

local function decisions(run, o)
  local by_class, any = {}, false
  for _, entry in ipairs(run.events) do
    local class, step = marks[entry.kind], entry.event.step
    if class and not entry.void and type(step) == "number" then
      by_class[class] = by_class[class] or {}
      table.insert(by_class[class],
                   "M" .. plot.place(step, o.x0, o.x1) .. " 150V850")
      any = true
    end
  end
  if not any then return nil end
  local out = {}
  for _, class in ipairs{ "m-info", "m-good", "m-warn", "m-bad" } do
    if by_class[class] then
      out[#out + 1] = ('<path class="mark %s" d="%s"/>'):format(
        class, table.concat(by_class[class]))
    end
  end
  return table.concat(out)
end

local function legend(seen, with_decisions)
  local entries = {}
  for number = 1, #stage.names do
    local name = stage.names[number]
    if seen[name] then
      entries[#entries + 1] = { class = "s-" .. name, text = name:lower() }
    end
  end
  entries[#entries + 1] = { class = "alpha", text = "alpha, 0 to 1" }
  if with_decisions then
    for _, row in ipairs{ { "m-good", "plan applied" },
                          { "m-warn", "plan or file rejected" },
                          { "m-bad", "failure, rollback" },
                          { "m-info", "reload" } } do
      entries[#entries + 1] = { class = "tick " .. row[1], text = row[2] }
    end
  end
  return html.legend(entries)
end

--- The lanes of a run; nothing without seeds.
---@param run table
---@return string
function M.draw(run)
  local list = numbers.lanes(run)
  if #list == 0 then return "" end
  table.sort(list, function(a, b) return a.title < b.title end)
  local o = { x0 = 0, x1 = math.max(numbers.last_step(run), 1), lanes = {},
              label = "stages and alpha of" }
  local seen, hidden = {}, run.kinds.stage.n
  for _, entry in ipairs(run.events) do
    if entry.kind == "stage" then hidden = hidden - 1 end
  end
  for _, lane in ipairs(list) do
    local svg, n = strip(lane, o, seen, math.ceil(MOST / #list))
    hidden = hidden + n
    o.lanes[#o.lanes + 1] = { title = lane.title,
                              svg = ribbon(run, lane, o) .. svg }
  end
  local row = decisions(run, o)
  if row then o.lanes[#o.lanes + 1] = { title = "decisions", svg = row } end
  local note = hidden == 0 and "" or html.note(
    ("Thinned: %s of the %s transitions are not drawn, and what was planted "
     .. "between the first and the last is not counted."):format(
      html.count(hidden), html.count(run.kinds.stage.n)))
  return legend(seen, row ~= nil) .. plot.lanes(o) .. note
end

return M
