--- A run in words: a line per event as it happens, and at the end a table of
--- what was planted, what it contributed and what it cost. (The swim lanes are
--- in lanes.lua.)
local check = require "moonseed.check"
local columns = require "moonseed.seed.columns"

local M = {}

-- --- events --------------------------------------------------------------

-- Kinds that are not their own words.
local words = {
  germinated = "planted", advanced = "", failed = "FAILED",
  rolled_back = "ROLLED BACK", policy_failed = "policy FAILED",
  policy_rejected = "policy file rejected",
}

-- A garden's transitions are all of one kind, "stage"; these have a word.
local arrivals = { GERMINATED = "planted", PRUNED = "pruned",
                   FOSSILIZED = "fossilized" }

local function time_of(event)
  local step = event.step and columns.thousands(event.step) or ""
  local epoch = event.epoch and "epoch " .. event.epoch or ""
  return ("%9s  %-9s"):format(step, epoch)
end

local function place_of(event)
  if not event.slot then return "" end
  return event.seed and event.slot .. "/" .. event.seed or event.slot
end

local function add(parts, text)
  if text and text ~= "" then parts[#parts + 1] = columns.line(text) end
end

-- What happened, and whether the stages need to be named.
local function verb_of(event)
  if event.kind == "stage" then
    local word = arrivals[event.stage]
    return word, word == nil
  end
  return words[event.kind] or event.kind:gsub("_", " "), true
end

-- "planted conv_light", "training -> blending", "rolled back to step 1,200"
local function what_of(event)
  local parts, to = {}, event.to or event.stage
  local verb, with_stages = verb_of(event)
  add(parts, verb)
  if type(to) == "number" then
    add(parts, "to step " .. columns.thousands(to))
  elseif with_stages and event.from and to then
    add(parts, ("%s -> %s"):format(event.from, to):lower())
  end
  add(parts, event.blueprint)
  if event.path then add(parts, event.path:match "[^/]+$") end
  if event.version then add(parts, "version " .. event.version) end
  if event.forced then add(parts, "(forced)") end
  return table.concat(parts, " ")
end

--- One line, without its end:
---
---   1,200  epoch 3    early/1     planted conv_light: loss on a plateau
---
--- Fields that are missing leave nothing behind; a reason is given in full.
---@param event table kind; step, epoch, slot, seed, from and to (or stage), to
---                   (a step), blueprint, path, version, forced, why
---@return string
function M.event(event)
  check.text("event", "kind", event.kind)
  local line = ("%s  %s  %s"):format(
    time_of(event), columns.pad(columns.line(place_of(event)), 10),
    what_of(event))
  if event.why then line = line .. ": " .. columns.line(event.why) end
  return line
end

-- --- the table -----------------------------------------------------------

local GAP = 2

local function points(share)
  if share ~= share then return "nan" end
  return ("%+.2f"):format(100 * share)
end

local function lower(text) return text:lower() end

-- Field of a row, heading in two lines, how it is printed; text goes to the
-- left, and may be cut down to `least` columns where there is no room.
local layout = {
  { "slot", "", "slot", tostring, least = 4 },
  { "seed", "", "seed", tostring },
  { "blueprint", "", "blueprint", tostring, least = 6 },
  { "planted_at", "planted", "at step", columns.thousands, right = true },
  { "stage", "", "stage", lower },
  { "contribution", "accuracy", "points", points, right = true },
  { "parameters", "para-", "meters", columns.thousands, right = true },
  { "flops", "FLOPs", "per image", columns.short, right = true },
}

local function cells_of(row)
  local cells = {}
  for k, column in ipairs(layout) do
    local value = row[column[1]]
    cells[k] = value == nil and "-" or columns.line(column[4](value))
  end
  return cells
end

-- The widths that the cells want; where that is too much, the widest text
-- gives way, a column at a time.
local function fit(lines, width)
  local widths, total = {}, GAP * (#layout - 1)
  for k in ipairs(layout) do
    widths[k] = 0
    for _, cells in ipairs(lines) do
      widths[k] = math.max(widths[k], columns.width(cells[k]))
    end
    total = total + widths[k]
  end
  while total > width do
    local widest
    for k, column in ipairs(layout) do
      if column.least and widths[k] > column.least
          and not (widest and widths[widest] >= widths[k]) then
        widest = k
      end
    end
    if not widest then break end
    widths[widest], total = widths[widest] - 1, total - 1
  end
  return widths
end

local function join(cells, widths, ascii)
  local parts = {}
  for k, column in ipairs(layout) do
    local text = columns.cut(cells[k], widths[k], ascii)
    parts[k] = columns.pad(text, widths[k], column.right)
  end
  return (table.concat(parts, (" "):rep(GAP)):gsub(" +$", ""))
end

--- What was planted, what it contributed, what it cost.
---@param rows table[] slot, seed, blueprint, planted_at (a step), stage,
---  contribution (a share of correct images, as contribution.measure gives it;
---  printed in points, hundredths), parameters, flops (per image); what was not
---  measured is nil and printed as `-`
---@param options table|nil  width = 80, ascii = false
---@return string lines, without the end of the last
function M.table(rows, options)
  local o = check.options("table", options, {}, { width = 80, ascii = false })
  local head = { {}, {} }
  for k, column in ipairs(layout) do
    head[1][k], head[2][k] = column[2], column[3]
  end
  local lines = { head[1], head[2] }
  for _, row in ipairs(rows) do lines[#lines + 1] = cells_of(row) end
  local widths, out = fit(lines, o.width), {}
  for i, cells in ipairs(lines) do out[i] = join(cells, widths, o.ascii) end
  local total = GAP * (#layout - 1)
  for _, w in ipairs(widths) do total = total + w end
  table.insert(out, 3, (o.ascii and "-" or "─"):rep(total))
  return table.concat(out, "\n")
end

return M
