--- Parts for moonseed.seed.transaction: a model, an optimiser, the random
-- numbers, plain tables.
--
-- Copies of tensors are made on the tensors' device, in stream order, so that
-- saving waits for nothing. They are in no moon.tidy scope.
local check = require "moonseed.check"
local context = require "moonseed.context"
local core = require "moonseed.ffi"
local moon = require "moonseed"
local C, ffi = core.C, core.ffi
local live, Module = context.live, moon.nn.Module

local M = {}

-- --- tables of tensors -----------------------------------------------------

local function leave(task, anchor, ok, ...)
  live.task, context.state.anchor = task, anchor
  if not ok then error((...), 0) end
  return ...
end

-- Runs fn with its ops under a core task of their own: cancelling the caller
-- drops ops that wait in a stream, and half a state may not be dropped.
local function uncancelled(fn)
  local task, anchor = live.task, context.state.anchor
  local own = ffi.gc(C.moon_task_new(live.rt, nil), C.moon_task_release)
  live.task, context.state.anchor = own, own
  return leave(task, anchor, xpcall(fn, context.note))
end

-- Kept only when all are made: if one raises, the scope releases the others.
local function copies(tensors)
  local function clone()
    local list = {}
    for name, t in pairs(tensors) do list[name] = t:clone() end
    for _, t in pairs(list) do t:keep() end
    return list
  end
  return uncancelled(function()
    return moon.tidy(function() return moon.no_grad(clone) end)
  end)
end

local function dispose(state)
  for name, t in pairs(state.values) do
    state.values[name] = nil
    t:dispose()
  end
end

local function describe(t)
  local shape = table.concat(t:shape(), "x")
  return (shape == "" and "scalar" or shape) .. " " .. t:dtype()
end

-- Raises with up to four of the faults, in the order of their names.
local function refuse(op, faults)
  if #faults == 0 then return end
  table.sort(faults)
  local text = table.concat(faults, "; ", 1, math.min(#faults, 4))
  if #faults > 4 then text = ("%s; and %d more"):format(text, #faults - 4) end
  check.fail(op, "%s", text)
end

local function check_shapes(op, own, values)
  local faults = {}
  for name, t in pairs(own) do
    local value = values[name]
    if value and describe(value) ~= describe(t) then
      faults[#faults + 1] = ("%s is %s, saved as %s"):format(
        name, describe(t), describe(value))
    end
  end
  refuse(op, faults)
end

-- Raises for a copy that failed; with `finite`, for one with NaN or infinity.
local function check_values(op, values, finite)
  moon.tidy(function()
    local statistics, faults = {}, {}
    for name, t in pairs(values) do
      local floating = t:dtype():sub(1, 1) == "f"
      if finite and floating then statistics[name] = t:statistics() end
    end
    for _, t in pairs(values) do t:await() end
    for name, s in pairs(statistics) do
      local n = s:totable()[3]
      if n > 0 then
        faults[#faults + 1] = ("%s has %d values that are not finite"):format(
          name, n)
      end
    end
    refuse(op, faults)
  end)
end

-- --- a module --------------------------------------------------------------

-- Gradients are not copied: nothing writes them while a state is loaded.
local function gradients(module)
  local grads = {}
  for name, p in module:parameters() do grads[name] = p.grad end
  return grads
end

local function load_module(module, state)
  local own, report = module:state(), { joined = {}, left = {} }
  local function write()
    for name, t in pairs(own) do
      local value = state.values[name]
      if value then
        t:copy_(value:to(t:device()))
      else
        table.insert(report.joined, name)
      end
    end
  end
  uncancelled(function()
    moon.tidy(function() moon.no_grad(write) end)
  end)
  for name, p in module:parameters() do p.grad = state.grads[name] end
  for name in pairs(state.values) do
    if not own[name] then table.insert(report.left, name) end
  end
  table.sort(report.joined)
  table.sort(report.left)
  return report
end

local module_options = { name = "model", finite = false }

--- parts.module{ model, name = "model", finite = false }: parameters and
--- buffers, by name. Loading writes those that exist now and in the state,
--- clears all gradients, and reports { joined = {...}, left = {...} }: names
--- that the module gained since, which keep their values, and lost. With
--- `finite` a state that holds NaN or infinities is refused.
---@param options table
---@return table part
function M.module(options)
  local op = "parts.module"
  local o = check.options(op, options, { "module" }, module_options)
  local module, name = o.module, check.text(op, "name", o.name)
  if not Module.is(module) then
    check.fail(op, "expects a module, not a %s", type(module))
  end
  check.boolean(op, "finite", o.finite)
  local part = { name = name, dispose = dispose }
  function part.save()
    return { values = copies(module:state()), grads = {} }
  end
  function part.before()
    return { values = copies(module:state()), grads = gradients(module) }
  end
  function part.check(state)
    check_shapes(name, module:state(), state.values)
    check_values(name, state.values, o.finite)
  end
  function part.load(state) return load_module(module, state) end
  return part
end

-- --- an optimiser ----------------------------------------------------------

-- "2.weight" of "velocity.2.weight"; nil for what belongs to no parameter.
local function owner(key) return key:match "^[^.]+%.(.+)$" end

local function without_moments(values)
  local list = {}
  for key, t in pairs(values) do
    if not owner(key) then list[key] = t end
  end
  return list
end

-- What belongs to parameters that there still are, or to none. opt:state()
-- makes the optimiser read the names of its parameters again.
local function of_present(opt, values)
  opt:state()
  local present, list = {}, {}
  for _, name in ipairs(opt.names) do present[name] = true end
  for key, t in pairs(values) do
    if not owner(key) or present[owner(key)] then list[key] = t end
  end
  return list
end

-- opt:state() also makes a tensor of the rate, released here at once.
local function copy_state(opt, choose)
  return moon.tidy(function()
    local values = opt:state()
    return { values = copies(choose and choose(values) or values) }
  end)
end

local optimiser_options = { name = "optimiser", clear = true }

--- parts.optimiser{ opt, name = "optimiser", clear = true }: what opt:state()
--- gives, a table of tensors in which "velocity.2.weight" belongs to the
--- parameter "2.weight", one of the list opt.names. With `clear`, what belongs
--- to parameters is not saved and starts anew when the rest is loaded: momentum
--- would lead the next steps the same way again.
---@param options table
---@return table part
function M.optimiser(options)
  local op = "parts.optimiser"
  local o = check.options(op, options, { "optimiser" }, optimiser_options)
  local opt, name = o.optimiser, check.text(op, "name", o.name)
  check.table(op, "the optimiser", opt)
  check.callable(op, "optimiser.state", opt.state)
  check.callable(op, "optimiser.load_state", opt.load_state)
  check.table(op, "optimiser.names", opt.names)
  local choose = check.boolean(op, "clear", o.clear) and without_moments
  local part = { name = name, dispose = dispose, whole = true }
  function part.save() return copy_state(opt, choose) end
  function part.before() return copy_state(opt) end
  function part.check(state)
    moon.tidy(function() check_shapes(name, opt:state(), state.values) end)
    check_values(name, state.values, false)
  end
  function part.load(state)
    uncancelled(function()
      moon.tidy(function() opt:load_state(of_present(opt, state.values)) end)
    end)
  end
  return part
end

-- --- random numbers --------------------------------------------------------

--- parts.generator{ name = "generator" }: the random numbers of the task that
--- saves and loads.
---@param options table|nil
---@return table part
function M.generator(options)
  local op = "parts.generator"
  local o = check.options(op, options, {}, { name = "generator" })
  return { name = check.text(op, "name", o.name),
           save = context.save_generator, load = context.load_generator }
end

-- --- plain tables ----------------------------------------------------------

local plain = { number = true, string = true, boolean = true }

local copy_into

-- `copied`: tables that were copied, so that shared ones and rings stay such.
local function copy(op, value, copied)
  if plain[type(value)] then return value end
  if type(value) ~= "table" or getmetatable(value) then
    check.fail(op, "holds a %s; plain tables hold numbers, strings, booleans "
               .. "and plain tables", type(value) == "table"
               and "table with a metatable" or type(value))
  end
  return copied[value] or copy_into(op, {}, value, copied)
end

function copy_into(op, target, source, copied)
  copied[source] = target
  for key, value in next, source do
    target[copy(op, key, copied)] = copy(op, value, copied)
  end
  return target
end

--- parts.plain{ t, name = }: a table of numbers, strings, booleans and such
--- tables. Loading fills `t` itself; the tables in it are new ones.
---@param options table
---@return table part
function M.plain(options)
  local op = "parts.plain"
  local o = check.options(op, options, { "table" }, { name = check.required })
  local t, name = o.table, check.text(op, "name", o.name)
  check.table(op, "its argument", t)
  local part = { name = name }
  function part.save() return copy(name, t, {}) end
  function part.load(state)
    for key in pairs(t) do t[key] = nil end
    copy_into(name, t, state, {})
  end
  return part
end

return M
