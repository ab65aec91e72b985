--- The globals of a session: moon and its parts, and what helps to look round.

local check = require "moonseed.check"
local help = require "moonseed.repl.help"
local moon = require "moonseed"
local plot = require "moonseed.repl.plot"
local who = require "moonseed.repl.who"
local width = require "moonseed.repl.width"

local M = {}

local function describe_run(run)
  local m = run.metrics or {}
  local parts = { ("%-10s %-9s"):format(run.name, run.state) }
  if m.epoch then
    parts[#parts + 1] = ("epoch %d/%d"):format(m.epoch, m.epochs or 0)
  end
  if m.step then parts[#parts + 1] = ("step %d"):format(m.step) end
  if m.loss then parts[#parts + 1] = ("loss %.4f"):format(m.loss) end
  if m.valid_accuracy then
    parts[#parts + 1] = ("valid %.2f%%"):format(100 * m.valid_accuracy)
  end
  return table.concat(parts, "  ")
end

local Runs = {}
function Runs.__tostring(list)
  if #list == 0 then return "no runs" end
  local rows = {}
  for i, run in ipairs(list) do
    rows[i] = ("[%d] %s"):format(i, describe_run(run))
  end
  return table.concat(rows, "\n")
end

--- The runs of this process; none where there is no moon.train yet.
---@return table[]
function M.runs()
  local list = {}
  local all = moon.train and moon.train.runs and moon.train.runs() or {}
  for i, run in ipairs(all) do list[i] = run end
  return setmetatable(list, Runs)
end

--- The session's globals. What is assigned stays in the returned table; what is
--- not there is looked up in Lua's globals.
---@param style fun(): table  the window: columns, height, unicode, colour
---@return table env
function M.globals(style)
  local env = { moon = moon, nn = moon.nn, optim = moon.optim,
                seed = moon.seed }
  local hidden = {}

  --- help(x): what the sources say about a function, a module or a name.
  function env.help(x)
    io.write(width.wrap(help.text(x, env), style().columns), "\n")
  end

  --- who(): your variables: name, type, shape or value, bytes.
  function env.who() who.print(env, hidden, style().columns) end

  --- plot(run, "loss", ...), plot(list): a chart that fits the window.
  function env.plot(what, ...) plot.plot(style(), what, ...) end

  --- reload "layers", reload "path/layers.lua": reads a module again, in place.
  function env.reload(name)
    check.text("reload", "the module or file", name)
    return require("moonseed.reload").reload(name)
  end

  --- runs(): the trainings of this process.
  env.runs = M.runs

  function env.watch() end    -- taken over by the session
  function env.unwatch() end
  for name in pairs(env) do hidden[name] = true end
  return setmetatable(env, { __index = _G })
end

return M
