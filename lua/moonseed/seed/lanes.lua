--- Swim lanes: what every seed did over a run, in the characters of a terminal.
---
---   print(lanes.draw(lanes.of(slots, 12000)))
---
---   early/1 ····○────────────░░░░░░▒▒▒▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓
---     alpha                  ▁▂▄▅▇███████████████████████
---
--- A column stands for the same number of steps everywhere. It shows the stage
--- that fills most of it; but a planting, a pruning or a fossil in it always.
local check = require "moonseed.check"
local columns = require "moonseed.seed.columns"

local M = {}

local DORMANT = "DORMANT"

-- Stage, character, the same in ASCII; in the legend's order.
local stages = {
  { DORMANT, "·", "." },
  { "GERMINATED", "○", "G" }, { "TRAINING", "─", "t" },
  { "BLENDING", "░", "b" }, { "HOLDING", "▒", "H" },
  { "FOSSILIZED", "▓", "F" },
  { "PRUNED", "×", "X" }, { "EMBARGOED", "┄", "-" }, { "RESETTING", "~", "r" },
}

local character = {}
for _, entry in ipairs(stages) do character[entry[1]] = entry end

-- Moments that a column shows however short they are; the first counts.
local MOMENTS = { "FOSSILIZED", "PRUNED", "GERMINATED" }

local EIGHTHS = { "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█" }

-- Stages in which a seed is blended into its host.
local takes_part = { BLENDING = true, HOLDING = true, FOSSILIZED = true }

-- --- a lane's columns ----------------------------------------------------

-- First step of column c, from 1, of `n` over steps 0 to last.
local function first_step(c, n, last)
  return math.floor((c - 1) * (last + 1) / n)
end

-- How many steps of `from` to `to` each stage takes, 0 for one that was over at
-- once. `at` is the last entry before `from`, 0: none.
local function cover(history, at, from, to)
  local steps = {}
  local stage = at > 0 and history[at].stage or DORMANT
  while from <= to do
    local following = history[at + 1]
    local stop = following and math.min(following.step, to + 1) or to + 1
    if stop > from then steps[stage] = (steps[stage] or 0) + stop - from end
    from, at = stop, at + 1
    stage = following and following.stage
    if stage and following.step <= to then steps[stage] = steps[stage] or 0 end
  end
  return steps
end

local function stage_of(steps)
  for _, stage in ipairs(MOMENTS) do
    if steps[stage] then return stage end
  end
  local best
  for _, entry in ipairs(stages) do
    local n = steps[entry[1]]
    if n and not (best and steps[best] >= n) then best = entry[1] end
  end
  return best
end

-- Alpha at a step; `at` is the last entry at or before it. While a seed
-- blends, a straight line to the next entry. 0 where it takes no part.
local function alpha_at(history, at, step)
  local entry, following = history[at], history[at + 1]
  if not (entry and takes_part[entry.stage] and entry.alpha) then return 0 end
  if entry.stage ~= "BLENDING" or not (following and following.alpha)
      or not takes_part[following.stage] then
    return entry.alpha
  end
  local part = (step - entry.step) / (following.step - entry.step)
  return entry.alpha + part * (following.alpha - entry.alpha)
end

-- Stage and alpha (at its last step) by column.
local function columns_of(history, n, last)
  local lane, at = {}, 0
  for c = 1, n do
    local from, to = first_step(c, n, last), first_step(c + 1, n, last) - 1
    local stage = stage_of(cover(history, at, from, to))
    while history[at + 1] and history[at + 1].step <= to do at = at + 1 end
    lane[c] = { stage = stage, alpha = alpha_at(history, at, to) }
  end
  return lane
end

-- --- drawing -------------------------------------------------------------

local function stage_row(lane, ascii)
  local parts = {}
  for c, column in ipairs(lane) do
    parts[c] = character[column.stage][ascii and 3 or 2]
  end
  return table.concat(parts)
end

-- Tenths as digits; # is 1.
local function alpha_digits(lane)
  local parts = {}
  for c, column in ipairs(lane) do
    local tenths = math.floor(column.alpha * 10 + 1e-9)
    parts[c] = column.alpha <= 0 and " " or tenths >= 10 and "#"
      or tostring(tenths)
  end
  return table.concat(parts)
end

-- Blocks, the upper half of the curve or the lower one.
local function alpha_blocks(lane, upper)
  local parts = {}
  for c, column in ipairs(lane) do
    local eighths = math.ceil(math.min(column.alpha, 1) * 16 - 1e-9)
    if upper then eighths = eighths - 8 end
    parts[c] = eighths <= 0 and " " or EIGHTHS[math.min(eighths, 8)]
  end
  return table.concat(parts)
end

local function blank(row) return not row:find "[^ ]" end

local function add_lane(lines, title, lane, label, ascii)
  local function add(name, row)
    local text = columns.pad(columns.cut(name, label, ascii), label)
    lines[#lines + 1] = (text .. " " .. row):gsub(" +$", "")
  end
  add(title, stage_row(lane, ascii))
  local rows = ascii and { alpha_digits(lane) }
    or { alpha_blocks(lane, true), alpha_blocks(lane, false) }
  if blank(rows[#rows]) then return end  -- it never blended
  for i, row in ipairs(rows) do
    if not blank(row) then add(i == #rows and "  alpha" or "", row) end
  end
end

-- Names of the stages that occur, in lines of at most `width` columns.
local function legend(seen, width, ascii)
  local lines, line = {}, ""
  for _, entry in ipairs(stages) do
    if seen[entry[1]] then
      local item = entry[ascii and 3 or 2] .. " " .. entry[1]:lower()
      if line ~= "" and columns.width(line .. "  " .. item) > width then
        lines[#lines + 1], line = line, ""
      end
      line = line == "" and item or line .. "  " .. item
    end
  end
  if line ~= "" then lines[#lines + 1] = line end
  return lines
end

-- "0 ............ step 12,000", as wide as the lanes if it fits.
local function axis(label, n, last)
  local text = "step " .. columns.thousands(last)
  local space = math.max(n - 1 - #text, 1)
  return (" "):rep(label + 1) .. "0" .. (" "):rep(space) .. text
end

local function label_width(slots, width)
  local widest = #"  alpha"
  for _, slot in ipairs(slots) do
    widest = math.max(widest, columns.width(slot.title))
  end
  return math.min(widest, math.floor(width / 4))
end

local function titled(slots)
  local list = {}
  for i, slot in ipairs(slots) do
    for _, entry in ipairs(slot.history) do
      if not character[entry.stage] then
        check.fail("lanes", "slot %s, seed %s: no stage '%s'", slot.name,
                   tostring(slot.seed), tostring(entry.stage))
      end
    end
    list[i] = { history = slot.history,
                title = columns.line(slot.name .. "/" .. slot.seed) }
  end
  return list
end

--- What draw takes, of slots as they are now.
---@param slots table[] each with name and seeds()
---@param last_step integer
---@return table run
function M.of(slots, last_step)
  local list = {}
  for _, slot in ipairs(slots) do
    for _, seed in ipairs(slot:seeds()) do
      local history = {}
      for i, entry in ipairs(seed:history()) do history[i] = entry end
      history[#history + 1] = { step = last_step, stage = seed:stage(),
                                alpha = seed:alpha() }
      list[#list + 1] = { name = slot.name, seed = seed.index,
                          history = history }
    end
  end
  return { slots = list, last_step = last_step }
end

--- Lanes, alpha curves, axis and legend.
---@param run table slots: a list of { name, seed, history }, where history is a
---  list of { step, stage, alpha }, oldest first, each true until the next one;
---  last_step
---@param options table|nil  width = 80, ascii = false
---@return string lines, without the end of the last; none without slots
function M.draw(run, options)
  local o = check.options("lanes", options, {}, { width = 80, ascii = false })
  local last = check.count("lanes", "last_step", run.last_step)
  check.count("lanes", "width", o.width, 20)
  if #run.slots == 0 then return "" end
  local slots = titled(run.slots)
  local label = label_width(slots, o.width)
  local n = math.min(o.width - label - 1, last + 1)
  local lines, seen = {}, {}
  for _, slot in ipairs(slots) do
    local lane = columns_of(slot.history, n, last)
    for _, column in ipairs(lane) do seen[column.stage] = true end
    add_lane(lines, slot.title, lane, label, o.ascii)
  end
  lines[#lines + 1] = axis(label, n, last)
  for _, line in ipairs(legend(seen, o.width, o.ascii)) do
    lines[#lines + 1] = line
  end
  return table.concat(lines, "\n")
end

return M
