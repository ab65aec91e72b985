--- The page: everything there is to see of one run, or of several side by side.

local chart = require "moonseed.train.report.chart"
local events = require "moonseed.train.report.events"
local html = require "moonseed.train.report.html"
local lanes = require "moonseed.train.report.lanes"
local numbers = require "moonseed.train.report.numbers"
local style = require "moonseed.train.report.style"
local tables = require "moonseed.train.report.tables"
local timeline = require "moonseed.train.report.timeline"

local M = {}

local FIGURES = 24  -- of curves that have no place of their own

-- --- which curve goes where --------------------------------------------------

-- Sections by what a curve's name begins with or contains; the first counts.
local places = {
  { "seeds", "^alpha/" }, { "seeds", "^parameters/" }, { "seeds", "^flops/" },
  { "contribution", "^contribution/" }, { "improvement", "^improvement/" },
  { "ratio", "^gradient_ratio/" },
  { "gradient", "^gradient" }, { "loss", "loss" },
  { "accuracy", "accuracy" }, { "rate", "^lr" }, { "rate", "^learning_rate" },
}

local function place_of(name)
  for _, row in ipairs(places) do
    if name:find(row[2]) then return row[1] end
  end
  return "other"
end

-- Names of all runs by place, each once, in the order of the records.
local function names_by_place(runs)
  local by_place, seen = {}, {}
  for _, run in ipairs(runs) do
    for _, name in ipairs(run.names) do
      if not seen[name] then
        seen[name] = true
        local place = place_of(name)
        by_place[place] = by_place[place] or {}
        table.insert(by_place[place], name)
      end
    end
  end
  return by_place
end

-- Alone, a run has a colour per curve; of several each has its own, and the
-- validation split is dashed.
local function curves_of(runs, names, prefix)
  local list = {}
  for i, run in ipairs(runs) do
    for k, name in ipairs(names) do
      local curve = run.curves[name]
      if curve then
        local alone = #runs == 1
        local short = prefix and name:sub(1, #prefix) == prefix
          and name:sub(#prefix + 1) or name
        list[#list + 1] = {
          curve = curve, key = i .. "/" .. name,
          label = alone and short or run.name .. " " .. short,
          colour = ((alone and k or i) - 1) % 8 + 1,
          dashed = not alone and k > 1 }
      end
    end
  end
  return list
end

-- All figures span the same steps. `prefix` is left out in the legend.
local function figure(runs, names, title, prefix)
  if not names then return "" end
  local last = 1
  for _, run in ipairs(runs) do
    last = math.max(last, numbers.last_step(run))
  end
  return chart.draw{ curves = curves_of(runs, names, prefix), title = title,
                     x0 = 0, x1 = last }
end

-- A figure for the curves whose names have the same beginning up to the second
-- part: gradient/norm/..., gradient/zeros/...
local function grouped(runs, names, depth)
  local order, groups, out = {}, {}, {}
  for _, name in ipairs(names or {}) do
    local head = name
    local parts = {}
    for part in name:gmatch "[^/]+" do parts[#parts + 1] = part end
    if #parts > depth then head = table.concat(parts, "/", 1, depth) end
    if not groups[head] then
      groups[head], order[#order + 1] = {}, head
    end
    table.insert(groups[head], name)
  end
  for i, head in ipairs(order) do
    if i > FIGURES then
      out[i] = html.note(("%d more figures are not drawn."):format(
        #order - FIGURES))
      break
    end
    out[i] = figure(runs, groups[head], (head:gsub("[/_]", " ")),
                    head .. "/")
  end
  return table.concat(out)
end

local function pair(body)
  return body == "" and "" or '<div class="pair">' .. body .. "</div>"
end

-- --- sections ----------------------------------------------------------------

local function tile(label, text)
  return ("<div><small>%s</small><b>%s</b></div>"):format(label, text)
end

local function tiles(run, key)
  local c, planted = run.curves, numbers.plantings(run)
  local accuracy = c.valid_accuracy or c.accuracy
  local loss = c.valid_loss or c.loss
  local out = {}
  local function add(label, what, text)
    out[#out + 1] = tile(label, html.fact(key .. "/tile/" .. what, text))
  end
  if accuracy then
    local facts = accuracy:summary()
    add("accuracy at the end", "accuracy", html.percent(facts.final))
    local at = html.fact(key .. "/tile/best_step",
                         html.count(facts.greatest_step))
    add("best, at step " .. at, "best", html.percent(facts.greatest))
  end
  if loss then
    add("loss at the end", "loss", html.number(loss:summary().final))
  end
  add("steps", "steps", html.count(numbers.last_step(run)))
  add("seeds planted", "planted", html.count(#planted))
  return '<div class="tiles">' .. table.concat(out) .. "</div>\n"
end

local function growth(run, key)
  local by_place = names_by_place{ run }
  return html.section("Seeds", lanes.draw(run))
    .. html.section("What seeds contribute and cost", tables.seeds(run, key)
      .. pair(figure({ run }, by_place.contribution,
                     "contribution (share of correct images)",
                     "contribution/")
        .. figure({ run }, by_place.improvement,
                  "improvement over a bare head while they incubate",
                  "improvement/")
        .. figure({ run }, by_place.ratio,
                  "gradients of seed / host while they incubate",
                  "gradient_ratio/")))
end

-- What is of one run alone.
local function of_run(run, key, alone)
  local by_place = names_by_place{ run }
  return (alone and "" or "<h3>" .. html.text(run.name) .. "</h3>\n")
    .. growth(run, key)
    .. html.section("Gradients", pair(grouped({ run }, by_place.gradient, 2)))
    .. html.section("Streams during one step", timeline.draw(run, key))
    .. html.section("Events", events.draw(run, key))
    .. html.section("Curves in numbers", "<details><summary>"
                    .. #run.names .. " curves</summary>"
                    .. tables.curves(run, key) .. "</details>")
    .. html.section("Environment and record",
                    '<div class="env">' .. tables.environment(run, key)
                    .. "</div>")
end

local function together(runs)
  local by_place = names_by_place(runs)
  return html.section("Loss and accuracy", pair(
      figure(runs, by_place.loss, "loss")
      .. figure(runs, by_place.accuracy, "accuracy")))
    .. html.section("Learning rate and others", pair(
      figure(runs, by_place.rate, "learning rate")
      .. grouped(runs, by_place.other, 1)))
end

local function subtitle(runs)
  if #runs > 1 then
    return ('<p class="sub">%d runs side by side</p>\n'):format(#runs)
  end
  local run = runs[1]
  local start = numbers.course(run).start or {}
  local environment = start.environment or {}
  local parts = {}
  if type(start.time) == "number" then
    parts[1] = os.date("!%Y-%m-%d %H:%M UTC", start.time)
  end
  for _, name in ipairs{ "host", "device", "cpu" } do
    parts[#parts + 1] = environment[name]
  end
  if environment.version then
    parts[#parts + 1] = "Moonseed " .. environment.version
  end
  if environment.command then parts[#parts + 1] = environment.command end
  for i, part in ipairs(parts) do parts[i] = html.text(part) end
  return '<p class="sub">' .. table.concat(parts, " · ") .. "</p>\n"
end

--- The page as one file of HTML: no network, no scripts.
---@param runs table[]  as reader.read gives them
---@return string
function M.draw(runs)
  local names = {}
  for i, run in ipairs(runs) do names[i] = run.name end
  local title = html.text(table.concat(names, ", "))
  local out = {
    '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">\n',
    '<meta name="viewport" content="width=device-width, initial-scale=1">\n',
    "<title>", title, " – Moonseed</title>\n<style>\n", style,
    "</style></head><body><main>\n<h1>", title, "</h1>\n", subtitle(runs) }
  out[#out + 1] = #runs == 1 and tiles(runs[1], "1")
    or html.section("Runs", tables.runs(runs))
  out[#out + 1] = together(runs)
  for i, run in ipairs(runs) do
    out[#out + 1] = of_run(run, tostring(i), #runs == 1)
  end
  out[#out + 1] = "</main></body></html>\n"
  return table.concat(out)
end

return M
