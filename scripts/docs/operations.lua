--- The table of operations, made by running each on small inputs of every
--- dtype: which kernels ran, forward and backward, and whose they were.
local core = require "moonseed.ffi"
local calls = require "calls"
local covered = require "covered"
local inputs = require "inputs"
local moon = require "moonseed"

local M = {}

local FROM = covered.FROM

-- --- what ran ---------------------------------------------------------------

local ran = {}  -- kernels by name

-- Runs fn; its first result, and whose kernels ran: "cpu", "ref" where one at
-- least was ref's, "none".
local function watch(fn)
  moon.synchronize()
  local since, by = tonumber(core.C.moon_now()), "none"
  local result = fn()
  moon.synchronize()
  for _, span in ipairs(moon.streams():recent()) do
    if span.submit_ns >= since then
      ran[span.kernel] = true
      if span.by == "ref" and not calls.small[span.kernel] then by = "ref" end
      if by == "none" then by = "cpu" end
    end
  end
  return result, by
end

-- Of the kernel that a call is named after nothing is left out.
local function is_named(name, by)
  return by ~= "none" and calls.small[name] and "ref" or by
end

-- { forward =, backward = }, as `watch` says; or nil and why the call raises.
local function try(name, fn, t)
  local ok, why = pcall(function()
    local y = fn(t)  -- makes the inputs
    if moon.is_tensor(y) then y:await() end
  end)
  if not ok then return nil, tostring(why):match "^[^\n]*" end
  local y, forward = watch(function() return (fn(t)) end)
  local cell = { forward = is_named(name, forward) }
  if moon.is_tensor(y) and y.needs_grad then
    inputs.clear(t)
    local dy = moon.ones(y:shape(), { dtype = y:dtype() })
    local _, backward = watch(function() y:backward(dy) end)
    cell.backward = backward
  end
  return cell
end

-- A call may refuse a dtype, and says which.
local function probe(report, name, fn, each)
  local row, some = {}, false
  for dtype, t in pairs(each) do
    local cell, why = try(name, fn, t)
    row[dtype], some = cell, some or cell
    if not cell and not why:find("%f[%w]" .. dtype .. "%f[%W]") then
      report.add(FROM, 1, "%s of %s: %s", name, dtype, why)
    end
  end
  if not some then report.add(FROM, 1, "%s has no dtype", name) end
  return row
end

-- --- the table --------------------------------------------------------------

-- The dtypes whose `what` is one of those named.
local function listed(row, what, wanted)
  local list = {}
  for _, dtype in ipairs(inputs.dtypes) do
    local cell = row[dtype]
    if cell and wanted[cell[what] or ""] then list[#list + 1] = dtype end
  end
  return #list == #inputs.dtypes and "all" or table.concat(list, " ")
end

local OWN, NOBODYS, REF = { cpu = true, none = true }, { none = true },
  { ref = true }

local function cells_of(row)
  local own = listed(row, "forward", OWN)
  if own ~= "" and own == listed(row, "forward", NOBODYS) then
    own = own .. " (no kernel)"
  end
  return table.concat({ own, listed(row, "forward", REF),
                        listed(row, "backward", OWN),
                        listed(row, "backward", REF) }, " | ")
end

-- Operations of a topic with the same cells share a line.
local function add_topic(lines, title, rows)
  local names = {}
  for name in pairs(rows) do names[#names + 1] = name end
  table.sort(names)
  local order, sharing = {}, {}
  for _, name in ipairs(names) do
    local cells = cells_of(rows[name])
    if not sharing[cells] then
      sharing[cells] = {}
      order[#order + 1] = cells
    end
    table.insert(sharing[cells], (name:gsub("^%S+", "`%0`")))
  end
  lines[#lines + 1] = ("| *%s* | | | | |"):format(title)
  for _, cells in ipairs(order) do
    local line = ("| %s | %s |"):format(table.concat(sharing[cells], " "),
                                        cells)
    lines[#lines + 1] = line:gsub("|  +|", "| |"):gsub("|  +|", "| |")
  end
end

--- The table in Markdown; complains about operations and kernels that no call
--- covers.
---@param report table  see scripts/checks/source.lua
---@return string
function M.table(report)
  return moon.main(function()
    local lines = {
      "| | vectorised | by `ref` | gradient | by `ref` |",
      "|---|---|---|---|---|",
    }
    for _, topic in ipairs(calls.topics) do
      local each, rows = {}, {}
      for _, dtype in ipairs(inputs.dtypes) do
        each[dtype] = inputs.of(dtype)
      end
      for name, fn in pairs(topic[2]) do
        rows[name] = probe(report, name, fn, each)
      end
      add_topic(lines, topic[1], rows)
    end
    covered.check(report, ran)
    return table.concat(lines, "\n") .. "\n"
  end)
end

return M
