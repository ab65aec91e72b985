--- The tables of a report: runs, curves, seeds, environment.

local html = require "moonseed.train.report.html"
local numbers = require "moonseed.train.report.numbers"

local M = {}

local function value_of(curve, what)
  return curve and curve:summary()[what] or nil
end

-- --- runs --------------------------------------------------------------------

local function fossils(rows)
  local n = 0
  for _, row in ipairs(rows) do
    if row.stage == "FOSSILIZED" then n = n + 1 end
  end
  return n
end

--- A row per run: how it ended.
---@param runs table[]
---@return string
function M.runs(runs)
  local rows = {}
  for i, run in ipairs(runs) do
    local c, planted = run.curves, numbers.plantings(run)
    local accuracy = c.valid_accuracy or c.accuracy
    local loss = c.valid_loss or c.loss
    local function fact(what, text)
      return html.fact(i .. "/run/" .. what, text)
    end
    rows[i] = {
      ('<i class="dot c%d"></i>%s'):format((i - 1) % 8 + 1,
                                           html.text(run.name)),
      fact("steps", html.count(numbers.last_step(run))),
      fact("loss", html.number(value_of(loss, "final"))),
      fact("accuracy", html.percent(value_of(accuracy, "final"))),
      fact("best", html.percent(value_of(accuracy, "greatest"))),
      fact("best_step", html.count(value_of(accuracy, "greatest_step"))),
      fact("planted", html.count(#planted)),
      fact("fossilized", html.count(fossils(planted))),
      fact("seconds", html.count(numbers.course(run).seconds)),
    }
  end
  return html.table({ "run", "steps", "loss", "accuracy", "best", "at step",
                      "planted", "fossilized", "seconds" }, rows)
    .. html.note("Loss and accuracy are those of the validation split where "
                 .. "there is one, else of training.")
end

-- --- curves ------------------------------------------------------------------

local facts = { "n", "first", "final", "least", "least_step", "greatest",
                "greatest_step", "mean" }
local counted = { n = true, least_step = true, greatest_step = true }

local MOST = 200  -- curves in the table

--- A row per curve of a run: what of it can be said in numbers.
---@param run table
---@param key string
---@return string
function M.curves(run, key)
  local rows = {}
  for i, name in ipairs(run.names) do
    if i > MOST then break end
    local summary, row = run.curves[name]:summary(), { html.text(name) }
    for k, what in ipairs(facts) do
      local text = (counted[what] and html.count or html.number)(summary[what])
      row[k + 1] = html.fact(("%s/curve/%s/%s"):format(key, name, what), text)
    end
    rows[i] = row
  end
  if #rows == 0 then return "" end
  local more = #run.names - MOST
  return html.table({ "curve", "points", "first", "last", "least", "at step",
                      "greatest", "at step", "mean" }, rows)
    .. (more > 0 and html.note(html.count(more) .. " more curves.") or "")
end

-- --- seeds -------------------------------------------------------------------

local SEEDS = 200  -- plantings listed

local function points(share)
  return share == nil and "–" or ("%+.2f"):format(100 * share)
end

--- A row per planting.
---@param run table
---@param key string
---@return string
function M.seeds(run, key)
  local rows, planted = {}, numbers.plantings(run)
  local from = math.max(1, #planted - SEEDS + 1)
  for i = from, #planted do
    local row = planted[i]
    local function fact(what, text)
      return html.fact(("%s/seed/%d/%s"):format(key, i, what), text)
    end
    rows[#rows + 1] = {
      html.text(row.title), html.text(row.blueprint or "–"),
      fact("planted_at", html.count(row.planted_at)),
      html.text(tostring(row.stage):lower()),
      fact("since", html.count(row.since)),
      fact("alpha", html.number(row.alpha)),
      fact("contribution", points(row.contribution)),
      fact("parameters", html.count(row.parameters)),
      fact("flops", html.count(row.flops)), html.text(row.why or "") }
  end
  if #rows == 0 then return "" end
  return html.table(
    { "seed", "blueprint", "planted at", "stage", "since step", "alpha",
      "contribution", "parameters", "FLOPs", "why" },
    rows, { [2] = true, [4] = true, [10] = true })
    .. html.note("Contribution: points of accuracy (hundredths) that the model "
                 .. "loses without the seed, as measured last; cost: of the "
                 .. "module, FLOPs per image.")
    .. (from > 1 and html.note(html.count(from - 1) .. " earlier ones.") or "")
end

-- --- environment -------------------------------------------------------------

local function text_of(value)
  if type(value) == "table" then return "…" end
  if type(value) == "number" then return ("%.14g"):format(value) end
  return tostring(value)
end

local function add_fields(rows, fields)
  local names = {}
  for name in pairs(type(fields) == "table" and fields or {}) do
    names[#names + 1] = tostring(name)
  end
  table.sort(names)
  for _, name in ipairs(names) do
    rows[#rows + 1] = { html.text(name), html.text(text_of(fields[name])) }
  end
end

--- How the record came about: environment, what was given, what went wrong.
---@param run table
---@param key string
---@return string
function M.environment(run, key)
  local course, rows = numbers.course(run), {}
  local start = course.start or {}
  add_fields(rows, start.environment)
  add_fields(rows, start.meta)
  local function add(name, what, n)
    rows[#rows + 1] = { name, html.fact(key .. "/record/" .. what,
                                        html.count(n)) }
  end
  rows[#rows + 1] = { "record", html.text(run.path) }
  add("bytes", "bytes", run.bytes)
  add("lines", "lines", run.n_lines)
  add("scalars", "scalars", run.n_scalars)
  add("events", "events", run.n_events)
  add("processes", "starts", course.starts)
  add("lines dropped by a slow disk", "dropped", course.dropped)
  add("failed writes", "failures", course.failures)
  add("lines that are not whole", "torn", run.torn)
  add("points done again after a resume", "superseded", run.superseded)
  rows[#rows + 1] = { "ended", course.closed and "in order"
    or "not yet, or not in order" }
  return html.table({ "", "" }, rows, { [2] = true })
end

return M
