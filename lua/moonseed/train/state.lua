--- The state of a run in an archive, and back: all that it takes to go on
--- with the same bits in another process.

local check = require "moonseed.check"
local context = require "moonseed.context"
local core = require "moonseed.ffi"
local moon = require "moonseed"
local describe = require "moonseed.nn.describe"
local rows = require "moonseed.data.rows"
local Archive = require "moonseed.train.archive"
local garden_state = require "moonseed.seed.save"

local M = { FORMAT = 3 }

-- --- what it was made of ---------------------------------------------------

-- Nil where it cannot be written down; resume is then given it.
local function description_of(model)
  local ok, t = pcall(describe.describe, model)
  return ok and t or nil
end

local function data_of(data, name, archive)
  if not data then return nil end
  local origin, index = rows.describe(data)
  if not origin then return { n = #data } end
  if index then archive:put("data." .. name, index) end
  return { n = #data, origin = origin, index = index ~= nil }
end

-- Nil for an optimiser of one's own that cannot say; resume is then given it.
local function optim_of(optim)
  return optim.describe and optim:describe() or nil
end

local fit_fields = { "epochs", "batch", "augment", "every", "keep", "patience",
                     "quiet", "rng_seed", "accumulate", "autocast" }

-- Metrics of one's own that cannot say how they are made are left out.
local function metrics_of(run)
  local t = {}
  for name, metric in pairs(run.measured) do
    t[name] = metric.describe and metric:describe() or nil
  end
  return next(t) and t or nil
end

local function options_of(run)
  local t = {}
  for _, name in ipairs(fit_fields) do t[name] = run.options[name] end
  t.schedule, t.metrics = run.rate:describe(), metrics_of(run)
  return t
end

-- Names of those that are functions, which resume must be given again.
local function functions_of(o)
  local names = {}
  for _, name in ipairs{ "schedule", "loss" } do
    if type(o[name]) == "function" then names[#names + 1] = name end
  end
  return names
end

local function build_of()
  return { version = moon.version, precision = moon.precision(),
           isa = core.ffi.string(core.C.moon_isa()) }
end

-- --- how far it is ---------------------------------------------------------

local function late_of(clock, archive)
  local list = {}
  for i, entry in ipairs(clock.late) do
    local at, loss, right, batch = unpack(entry, 1, 4)
    archive:put("late.loss" .. i, loss)
    if right then archive:put("late.right" .. i, right) end
    list[i] = { at = at, batch = batch }
  end
  return list
end

-- Names of the curves; their points are tensors.
local function curves_of(series, archive)
  local names = {}
  for name, curve in pairs(series) do
    names[#names + 1] = name
    archive:put_numbers("curve." .. name .. ".steps", curve.steps)
    archive:put_numbers("curve." .. name .. ".values", curve.values)
  end
  return names
end

local function position_of(run)
  local p = run.position
  return { epoch = p.epoch, batch = p.batch, generator = p.generator
           and context.generator_numbers(p.generator) }
end

--- An archive of the run as it is. Waits for what its seeds have in flight,
--- then enqueues copies.
---@param run table
---@return table
function M.collect(run)
  if run.garden then garden_state.settle(run.garden) end
  local archive, o = Archive.new(), run.options
  local t = archive.plain
  t.format, t.build = M.FORMAT, build_of()
  t.description = description_of(run.model)
  t.optim, t.ema = optim_of(run.optim), run.ema and run.ema:describe()
  t.schedule = run.rate.name
  t.train = data_of(o.train, "train", archive)
  t.valid = data_of(o.valid, "valid", archive)
  t.options, t.best = options_of(run), run.best
  t.functions = functions_of(o)
  t.position = position_of(run)
  t.generator = context.generator_numbers(context.save_generator())
  t.metrics, t.curves = run.metrics, curves_of(run.series, archive)
  t.late = late_of(run.clock, archive)
  archive:put_all("model.", run.model:state())
  archive:put_all("optim.", run.optim:state())
  archive:put_all("schedule.", run.rate:state())
  if run.ema then archive:put_all("ema.", run.ema:state()) end
  if run.garden then
    t.garden_options = run.garden:plain_options()
    garden_state.save(run.garden, archive)
  end
  return archive:seal()
end

-- --- and back --------------------------------------------------------------

local function fill(into, from)
  for key, value in pairs(from) do into[key] = value end
end

local function load_clock(run, archive)
  local t, epochs = archive.plain, run.metrics.epochs  -- which may be more now
  fill(run.metrics, t.metrics)
  run.metrics.epochs = epochs
  for _, name in ipairs(t.curves) do
    run.series[name] = {
      steps = archive:numbers("curve." .. name .. ".steps"),
      values = archive:numbers("curve." .. name .. ".values") }
  end
  for i, entry in ipairs(t.late) do
    local right = archive:get("late.right" .. i)
    run.clock.late[i] = { entry.at, archive:get("late.loss" .. i):keep(),
                          right and right:keep(), entry.batch }
  end
end

-- Of another kind of schedule, given on resuming, only where it is counts.
local function load_rate(rate, name, given)
  if name ~= rate.name then
    local own = rate:state()
    own.at, own.first = given.at, given.first
    given = own
  end
  rate:load_state(given)
end

--- Makes a run that was prepared what the archive says, seeds first. Its
--- generator is set when its task begins.
---@param run table
---@param archive table
function M.restore(run, archive)
  local t = archive.plain
  if (run.garden ~= nil) ~= (t.garden ~= nil) then
    check.fail("resume", "the checkpoint has %s garden, the run %s",
               t.garden and "a" or "no", run.garden and "one" or "none")
  end
  if run.garden then garden_state.plant(run.garden, archive) end
  run.model:load_state(archive:all "model.")
  run.optim:load_state(archive:all "optim.")
  load_rate(run.rate, t.schedule, archive:all "schedule.")
  if run.ema then run.ema:load_state(archive:all "ema.") end
  if run.garden then garden_state.load(run.garden, archive) end
  run.best = t.best
  run.position = { epoch = t.position.epoch, batch = t.position.batch,
    generator = t.position.generator
      and context.generator_of_numbers(t.position.generator) }
  load_clock(run, archive)
  run.continued = { step = t.metrics.step,
                    generator = context.generator_of_numbers(t.generator) }
end

--- What differs between the build that wrote the archive and this one, as
--- text; nil if nothing does.
---@param archive table
---@return string|nil
function M.other_build(archive)
  local wrote, now, parts = archive.plain.build, build_of(), {}
  for _, name in ipairs{ "version", "isa", "precision" } do
    if wrote[name] ~= now[name] then
      parts[#parts + 1] = ("%s %s, now %s"):format(
        name, tostring(wrote[name]), now[name])
    end
  end
  return #parts > 0 and table.concat(parts, "; ") or nil
end

return M
