--- moon.reload: reads a Lua module again while the program runs.
--
--   moon.reload "layers"                     by its name, or by its file
--   moon.reload("layers", { watch = true })  and whenever the file changes
--
-- The new text is compiled and run beside the old, in globals of its own. Only
-- if that works does it take its place, at the next step boundary of a training
-- (at once where there is none). Tables of functions - the module, its classes
-- - stay the same tables with new functions; objects keep their fields. What
-- the file keeps in other locals begins anew, and a function that was copied
-- out of the module stays the old one. On a failure nothing changes.

local core = require "moonseed.ffi"
local alarm = require "moonseed.alarm"
local check = require "moonseed.check"
local context = require "moonseed.context"
local loop = require "moonseed.loop"
local patch = require "moonseed.patch"
local recorded = require "moonseed.recorded"
local task = require "moonseed.task"
local watch = require "moonseed.watch"
local uv = core.uv

local M = {}

local ATTENDED_MS = 5000  -- a training that has had no boundary since, rests

local pending, n_pending = {}, 0  -- candidates by module name
local attended, attendant         -- loop time of the last boundary; whose
local watches = {}                -- by module name
local sources = {}                -- texts served or refused, by module name
local listeners = {}

-- --- who is told -------------------------------------------------------------

--- Calls fn(event) in the loop for every reload from now on, whoever asked for
--- it: { kind = "reloaded" or "reload_failed", ... } as M.reload says.
---@param fn fun(event: table)  must not wait; what it raises is printed
---@return fun()  ends that
function M.listen(fn)
  local listener = loop.guard(fn)
  listeners[#listeners + 1] = listener
  return function()
    for i, other in ipairs(listeners) do
      if other == listener then return table.remove(listeners, i) end
    end
  end
end

local function announce(event)
  for _, listener in ipairs{ unpack(listeners) } do listener(event) end
  return event
end

local function failure(module, path, why)
  return announce{ kind = "reload_failed", module = module, path = path,
                   why = why }
end

-- --- which module ----------------------------------------------------------

local function real(path) return path and uv.fs_realpath(path) end

local function by_path(path)
  local wanted = real(path)
  for name in pairs(package.loaded) do
    local found = wanted and type(name) == "string"
      and package.searchpath(name, package.path)
    if found and real(found) == wanted then return name, found end
  end
end

local function find(name)
  if package.loaded[name] ~= nil then
    local path = package.searchpath(name, package.path)
    if path then return name, path end
  end
  local module, path = by_path(name)
  if not module then
    check.fail("reload", "no module that is loaded is named, or read from, "
               .. "'%s'", name)
  end
  return module, path
end

-- --- the new text ----------------------------------------------------------

-- Globals of the file while it is tried: writes stay here until it serves.
local function trial_globals()
  local env, made = {}, {}
  local serving = false
  setmetatable(env, {
    __index = function(_, key)
      local value = made[key]
      if value == nil then value = _G[key] end
      return value
    end,
    __newindex = function(_, key, value)
      if serving then rawset(_G, key, value) else made[key] = value end
    end,
  })
  return env, function()
    serving = true
    for key, value in pairs(made) do rawset(_G, key, value) end
    made = {}
  end
end

local function kind_of(value)
  return type(value) == "nil" and "nothing" or "a " .. type(value)
end

-- The module's text as a candidate; nil and why it cannot serve.
local function try(module, path, text)
  if text:byte(1) == 27 then return nil, path .. " is no text" end
  local chunk, why = loadstring(text, "@" .. path)
  if not chunk then return nil, why end
  local env, publish = trial_globals()
  setfenv(chunk, env)
  local ok, new = xpcall(chunk, context.note, module, path)
  if not ok then return nil, tostring(new) end
  local old = package.loaded[module]
  if type(new) ~= type(old) and not (new == nil and old == true) then
    return nil, ("%s returns %s, what serves is %s"):format(
      path, kind_of(new), kind_of(old))
  end
  local candidate = { module = module, path = path, text = text, new = new,
                      publish = publish }
  if type(new) == "table" then
    candidate.patch = patch.plan(old, new, "@" .. path)
  end
  return candidate
end

local function serve(candidate)
  recorded.changed()
  local changes = { changed = {}, added = {}, removed = {} }
  if candidate.patch then
    changes = patch.changes(candidate.patch)
    patch.apply(candidate.patch)
  elseif candidate.new ~= nil then
    package.loaded[candidate.module] = candidate.new
  end
  candidate.publish()
  sources[candidate.module] = candidate.text
  candidate.served = announce{
    kind = "reloaded", module = candidate.module, path = candidate.path,
    changed = changes.changed, added = changes.added,
    removed = changes.removed }
  if candidate.bell then alarm.cancel(candidate.bell) end
  if candidate.waiter then loop.wake(candidate.waiter) end
  if candidate.done then candidate.done(candidate.served) end
end

-- --- when ------------------------------------------------------------------

--- A step boundary of a training: what waits for one takes its place. Cheap
--- when nothing does.
function M.boundary()
  attended, attendant = uv.now(), loop.running
  if n_pending == 0 then return end
  local list = pending
  pending, n_pending = {}, 0
  for _, candidate in pairs(list) do serve(candidate) end
end

local function is_attended()
  return attended ~= nil and attendant ~= loop.running
    and not attendant.done and uv.now() - attended < ATTENDED_MS
end

local function drop(candidate)
  if pending[candidate.module] ~= candidate then return false end
  pending[candidate.module] = nil
  n_pending = n_pending - 1
  return true
end

-- At the next boundary; at once where no training has one.
local function serve_soon(candidate)
  local older = pending[candidate.module]
  if older then
    drop(older)
    older.served = failure(older.module, older.path, "a newer text has come")
    alarm.cancel(older.bell)
    if older.waiter then loop.wake(older.waiter) end
  end
  if not is_attended() then return serve(candidate) end
  pending[candidate.module], n_pending = candidate, n_pending + 1
  candidate.bell = alarm.set(ATTENDED_MS, loop.guard(function()
    if drop(candidate) then serve(candidate) end
  end))
end

-- --- what users call -------------------------------------------------------

local function describe(event)
  if event.kind == "reload_failed" then
    return ("reload of %s failed, the old one stays: %s"):format(event.module,
                                                               event.why)
  end
  local parts = {}
  for _, what in ipairs{ "changed", "added", "removed" } do
    if #event[what] > 0 then
      parts[#parts + 1] = what .. " " .. table.concat(event[what], ", ")
    end
  end
  if #parts == 0 then parts[1] = "no function differs" end
  return ("reloaded %s: %s"):format(event.module, table.concat(parts, "; "))
end

local Event = { __tostring = describe }

local function tell(event) print(describe(event)) end

local function on_change(module, path, on_event, text, why)
  if text and text == sources[module] then return end
  if text then
    sources[module] = text
    local candidate
    candidate, why = try(module, path, text)
    if candidate then
      candidate.done = on_event
      return serve_soon(candidate)
    end
  end
  on_event(failure(module, path, why))
end

local function start_watch(module, path, on_event)
  M.unwatch(module)
  watches[module] = watch.start(path, function(text, why)
    task.spawn(function() on_change(module, path, on_event, text, why) end,
               { name = "reload of " .. module })
  end)
end

--- Ends what `watch = true` began.
---@param module string  the module's name
function M.unwatch(module)
  if watches[module] then watches[module]:close() end
  watches[module] = nil
end

local function read(path)
  local file, why = io.open(path, "r")
  if not file then check.fail("reload", "%s", why) end
  local text = file:read "*a"
  file:close()
  return text
end

local known = { watch = false, on_event = check.optional }

--- Reads a module again. Raises, and changes nothing, if the new text does not
--- compile, fails when it runs, or returns something of another type.
---@param name string  the module's name, or its file
---@param options table|nil  watch: also whenever the file changes;
---  on_event: told then, { kind = "reloaded" or "reload_failed", module,
---  path, changed, added, removed or why }; printed unless given
---@return table event  as on_event is told
function M.reload(name, options)
  check.text("reload", "the module", name)
  local o = check.options("reload", options, {}, known)
  check.boolean("reload", "watch", o.watch)
  if o.on_event ~= nil then check.callable("reload", "on_event", o.on_event) end
  local module, path = find(name)
  local text = read(path)
  if o.watch then start_watch(module, path, o.on_event or tell) end
  sources[module] = text
  local candidate, why = try(module, path, text)
  if not candidate then
    failure(module, path, why)
    check.fail("reload", "%s (the old one stays)", why)
  end
  serve_soon(candidate)
  while not candidate.served do
    candidate.waiter = loop.running
    loop.wait("a step boundary", candidate)
  end
  return setmetatable(candidate.served, Event)
end

return M
