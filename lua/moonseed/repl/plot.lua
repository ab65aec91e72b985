--- plot(run, "loss"): a run's series, or lists of numbers, as a chart.

local chart = require "moonseed.repl.chart"
local check = require "moonseed.check"
local tensor = require "moonseed.tensor"

local M = {}

local function numbers(list)
  if tensor.is(list) then list = list:reshape(list:numel()):totable() end
  for i, value in ipairs(list) do check.number("plot", "value " .. i, value) end
  return list
end

local function counted(n)
  local steps = {}
  for i = 1, n do steps[i] = i end
  return steps
end

local function curve_of(name, series)
  if type(series) == "table" and series.values then
    local values = numbers(series.values)
    return { name = name, values = values,
             steps = series.steps or counted(#values) }
  end
  local values = numbers(series)
  return { name = name, values = values, steps = counted(#values) }
end

local function names_of(series)
  local names = {}
  for name, value in pairs(series) do
    if type(name) == "string" and type(value) == "table" then
      names[#names + 1] = name
    end
  end
  table.sort(names)
  return names
end

--- What is to be drawn: of a run its series of these names ("loss" unless
--- given); else a list, a tensor, { steps =, values = }, or lists by name.
---@param what any
---@param names string[]
---@return Curve[]
function M.curves(what, names)
  if tensor.is(what) then return { curve_of(names[1] or "values", what) } end
  check.table("plot", "what is drawn", what)
  if what.values or type(what[1]) == "number" then
    return { curve_of(names[1] or "values", what) }
  end
  local series = what.series or what
  if #names == 0 then
    names = series.loss and { "loss" } or names_of(series)
  end
  local curves = {}
  for i, name in ipairs(names) do
    if series[name] == nil then
      check.fail("plot", "no series '%s' (%s)", tostring(name),
                 table.concat(names_of(series), ", "))
    end
    curves[i] = curve_of(name, series[name])
  end
  if #curves == 0 then check.fail("plot", "there is nothing to draw") end
  return curves
end

--- Prints a chart that fits the window.
---@param style table  columns, height: of the window; unicode, colour
---@param what any
---@param ... string   names of series
function M.plot(style, what, ...)
  local rows = chart.rows(M.curves(what, { ... }), {
    columns = math.min(style.columns - 1, 100),
    rows = math.max(6, math.min(style.height - 4, 18)),
    unicode = style.unicode, colour = style.colour })
  io.write(table.concat(rows, "\n"), "\n")
end

return M
