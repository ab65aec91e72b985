--- Several parts of a run saved, checked and loaded together: all or none.
--
-- A part is a table of
--   name            unique among the parts
--   save()          its state, copied; enqueues and never waits
--   load(state)     takes a state, which it leaves as it is; what it returns is
--                   its report. It may suspend, and may raise half done.
--   check(state)    optional: raises if load would; may suspend
--   dispose(state)  optional: gives the state's memory back at once
--   before()        optional: a state from which load puts back *everything*
--                   that load changes, where save leaves some of it out
--   whole           optional, true: a load that raises has changed nothing
-- moonseed.seed.parts makes those of models, optimisers, generators, tables.
--
-- A cancelled task cannot wait any more, so it puts back only parts whose load
-- does not wait. A part whose load waits should be whole; with one of them in
-- the list a cancelled load changes nothing.
local check = require "moonseed.check"
local context = require "moonseed.context"

local M = {}

local known = { name = true, save = true, load = true, check = true,
                dispose = true, before = true, whole = true }
local methods = { "save", "load", "check", "dispose", "before" }
local required = { save = true, load = true }

local function check_part(op, i, part)
  check.table(op, ("part %d"):format(i), part)
  check.names(op, part, known)
  check.text(op, ("the name of part %d"):format(i), part.name)
  if part.whole ~= nil then
    check.boolean(op, part.name .. ".whole", part.whole)
  end
  for _, method in ipairs(methods) do
    if part[method] ~= nil or required[method] then
      check.callable(op, part.name .. "." .. method, part[method])
    end
  end
end

--- Raises unless `parts` is a list of parts with different names.
---@param op string  who asks, for the error
---@param parts table[]
---@return table[]  a list of its own
function M.list(op, parts)
  check.table(op, "parts", parts)
  local list, seen = {}, {}
  for i, part in ipairs(parts) do
    check_part(op, i, part)
    if seen[part.name] then
      check.fail(op, "two parts are called '%s'", part.name)
    end
    seen[part.name], list[i] = true, part
  end
  local n = 0
  for _ in pairs(parts) do n = n + 1 end
  if n ~= #list then
    check.fail(op, "the list of parts has names or gaps")
  elseif n == 0 then
    check.fail(op, "there are no parts")
  end
  return list
end

--- Gives the memory of saved states back, as far as the parts can.
---@param parts table[]
---@param states table<string, any>  by part name; some may be missing
function M.dispose(parts, states)
  for _, part in ipairs(parts) do
    local state = states[part.name]
    states[part.name] = nil
    if part.dispose and state ~= nil then part.dispose(state) end
  end
end

local function save_with(parts, method)
  local states = {}
  for _, part in ipairs(parts) do
    local ok, state = xpcall(part[method] or part.save, context.note)
    if not ok then
      M.dispose(parts, states)
      error(state, 0)
    end
    states[part.name] = state
  end
  return states
end

--- The states of all parts. Enqueues and never waits.
---@param parts table[]
---@return table<string, any>  by part name
function M.save(parts)
  return save_with(parts, "save")
end

--- Raises if a part could not load its state. Changes nothing.
---@param parts table[]
---@param states table<string, any>  as M.save gives it
function M.check(parts, states)
  for _, part in ipairs(parts) do
    if part.check then part.check(states[part.name]) end
  end
end

-- Puts back parts 1 to n, the last of which has failed, and raises.
local function put_back(parts, n, before, e)
  local lost = {}
  for i = parts[n].whole and n - 1 or n, 1, -1 do
    local part = parts[i]
    local ok, why = xpcall(part.load, context.note, before[part.name])
    if not ok then
      lost[#lost + 1] = ("%s: %s"):format(part.name, tostring(why))
    end
  end
  M.dispose(parts, before)
  if #lost == 0 then error(e, 0) end
  error(("%s (and could not be put back as it was: %s)"):format(
    tostring(e), table.concat(lost, "; ")), 0)
end

--- Loads all parts, or raises and leaves all as they were: every part is
--- checked first, and if one raises in its load, it and those before it are
--- put back. Suspends where the parts do.
---@param parts table[]
---@param states table<string, any>  as M.save gives it; stays good
---@return table<string, any>  what the loads returned, by part name
function M.load(parts, states)
  M.check(parts, states)
  local before, reports = save_with(parts, "before"), {}
  for i, part in ipairs(parts) do
    local ok, report = xpcall(part.load, context.note, states[part.name])
    if not ok then put_back(parts, i, before, report) end
    reports[part.name] = report
  end
  M.dispose(parts, before)
  return reports
end

return M
