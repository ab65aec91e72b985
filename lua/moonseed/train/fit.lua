--- moon.train.fit: trains a model in the background.
--
--   local run = moon.train.fit{ model, optim = opt, train = train,
--                               valid = valid, epochs = 10, out = "runs/one" }
--   run:await()

local autocast = require "moonseed.autocast"
local check = require "moonseed.check"
local context = require "moonseed.context"
local core = require "moonseed.ffi"
local moon = require "moonseed"
local metrics = require "moonseed.metrics"
local nn = require "moonseed.nn"
local optim = require "moonseed.optim"
local seed = require "moonseed.seed"
local checkpoint = require "moonseed.train.checkpoint"
local Metrics = require "moonseed.train.metrics"
local recording = require "moonseed.train.recording"
local Run = require "moonseed.train.run"
local runs = require "moonseed.train.runs"
local training = require "moonseed.train.training"

local uv = core.uv

local known = {
  optim = check.required, train = check.required, valid = check.optional,
  epochs = 1, batch = 128, augment = check.optional,
  schedule = "constant", garden = check.optional, out = check.optional,
  every = check.optional, keep = 3, patience = check.optional,
  loss = check.optional, quiet = false, rng_seed = check.optional,
  on_event = check.optional, accumulate = 1, ema = check.optional,
  metrics = check.optional, autocast = check.optional,
}

local function check_numbers(o)
  for _, name in ipairs{ "epochs", "batch", "keep", "accumulate" } do
    check.count("fit", name, o[name], 1)
  end
  for _, name in ipairs{ "every", "patience" } do
    if o[name] ~= nil then check.count("fit", name, o[name], 1) end
  end
  if o.rng_seed ~= nil then check.count("fit", "rng_seed", o.rng_seed) end
  check.boolean("fit", "quiet", o.quiet)
end

-- One with a number of examples; its targets are what the loss is told, and
-- what validation compares with.
local function check_data(name, data, needs_targets)
  if type(data) ~= "userdata" or not data.batches then
    check.fail("fit", "%s is a data set, not a %s", name, type(data))
  elseif #data == 0 then
    check.fail("fit", "%s has no examples", name)
  elseif needs_targets and not data.labelled then
    check.fail("fit", "%s has no targets%s", name, name == "train"
               and "; give loss = function(model, x, y)" or "")
  end
end

-- A list of parameters may be one's own, but some are the model's.
local function check_optim(optimiser, model)
  if type(optimiser) ~= "table" then
    check.fail("fit", "optim is an optimiser, not a %s", type(optimiser))
  end
  for _, method in ipairs{ "step", "zero_grad" } do
    check.callable("fit", "optim." .. method, optimiser[method])
  end
  local ids = rawget(optimiser, "ids")
  if not ids or #ids == 0 then return end
  local own = {}
  for _, p in model:parameters() do own[p:id()] = true end
  for _, id in ipairs(ids) do
    if own[id] then return end
  end
  check.fail("fit", "none of the optimiser's %d parameters is the model's",
             #ids)
end

-- What is of a model: of this one?
local function check_belongings(o)
  check_optim(o.optim, o.model)
  if o.garden and getmetatable(o.garden) ~= seed.Garden then
    check.fail("fit", "garden is a seed.Garden, not a %s", type(o.garden))
  elseif o.garden and o.garden.model ~= o.model then
    check.fail("fit", "the garden is of another model")
  end
  if o.ema ~= nil and not optim.EMA.is(o.ema) then
    check.fail("fit", "ema is an optim.EMA of the model, not a %s",
               type(o.ema))
  elseif o.ema and o.ema.source ~= o.model then
    check.fail("fit", "the averages are of another model")
  end
end

local function check_options(o)
  if not nn.Module.is(o.model) then
    check.fail("fit", "expects a model, not a %s", type(o.model))
  end
  check_numbers(o)
  if o.out ~= nil and check.text("fit", "out", o.out) == "" then
    check.fail("fit", "out is the path of a folder, not an empty string")
  end
  if o.augment ~= nil then check.table("fit", "augment", o.augment) end
  if o.autocast ~= nil then autocast.code("fit: autocast", o.autocast) end
  for _, name in ipairs{ "patience", "metrics" } do
    if o[name] and not o.valid then
      check.fail("fit", "%s means nothing without valid", name)
    end
  end
  for _, name in ipairs{ "loss", "on_event" } do
    if o[name] ~= nil then check.callable("fit", name, o[name]) end
  end
  check_data("train", o.train, not o.loss)
  if o.valid then check_data("valid", o.valid, true) end
  check_belongings(o)
end

-- Metrics by name, made from descriptions where such are given.
local function metrics_of(o)
  local list = {}
  if o.metrics == nil then return list end
  for name, metric in pairs(check.table("fit", "metrics", o.metrics)) do
    check.text("fit", "the name of a metric", name)
    check.table("fit", "metrics." .. name, metric)
    if not getmetatable(metric) then metric = metrics.rebuild(metric) end
    for _, method in ipairs{ "update", "value", "reset" } do
      check.callable("fit", ("metrics.%s.%s"):format(name, method),
                     metric[method])
    end
    list[name] = metric
  end
  return list
end

-- The schedule, driving the optimiser over the run's steps.
local function schedule_of(o, steps)
  local schedule = optim.schedule
  local rate = schedule.of("fit", o.schedule)
  if rate:listens() and not o.valid then
    check.fail("fit", "schedule plateau means nothing without valid")
  end
  return schedule.drive(rate, o.optim, steps)
end

-- "first" of "runs/first/".
local function name_of(out)
  return out and (out:match "([^/]+)/*$" or out)
end

--- A run that has not begun; resume.lua fills it first.
---@param options table  as fit takes them
---@return table run
local function prepare(options)
  local o = check.options("fit", options, { "model" }, known)
  check_options(o)
  local steps = math.ceil(math.ceil(#o.train / o.batch) / o.accumulate)
  local clock = Metrics.new(o.epochs, steps)
  local run = setmetatable({
    options = o, model = o.model, optim = o.optim, garden = o.garden,
    out = o.out, name = name_of(o.out), state = "running", requests = {},
    clock = clock, metrics = clock.now, series = clock.series,
    rate = schedule_of(o, clock.total), ema = o.ema, measured = metrics_of(o),
    steps_per_epoch = steps, on_event = o.on_event,
    position = { epoch = 1, batch = 0 },
  }, Run)
  if o.garden then o.garden:adopt(o) end
  return run
end

-- In the task of the run.
local function body(run)
  run.begun = true
  if run.continued then
    context.load_generator(run.continued.generator)
  elseif run.options.rng_seed then
    moon.manual_seed(run.options.rng_seed)
  end
  local ok, e = xpcall(function()
    checkpoint.open(run)
    recording.open(run)
    local dtype = run.options.autocast
    if not dtype then return training(run) end
    moon.autocast(dtype, function() training(run) end)
  end, context.note)
  if ok then
    run.state = "done"
  else
    run.state = run.task.cancelled and "cancelled" or "failed"
  end
  local raised = recording.close(run, run.state, not ok and tostring(e) or nil)
  if not ok then error(e, 0) end
  if raised then
    run.state = "failed"
    error(raised, 0)
  end
end

-- Two runs that write to a folder would take each other's checkpoints away.
local function check_folder(run)
  local place = run.out and uv.fs_realpath(run.out)
  for _, other in ipairs(place and runs() or {}) do
    if not other.task.done and other.out
       and uv.fs_realpath(other.out) == place then
      check.fail("fit", "%s goes on in %s; await or cancel it first",
                 tostring(other), run.out)
    end
  end
end

--- Starts a run that was prepared.
---@param run table
---@return table run
local function start(run)
  if run.out then
    checkpoint.make_folder(run.out)
    check_folder(run)
  end
  runs.add(run)
  run.task = moon.spawn(function() body(run) end,
                        { name = "run " .. run.name, of_program = true,
                          same_stream = true })
  return run
end

local M = { prepare = prepare, start = start }

--- moon.train.fit{ model, optim =, train =, valid =, epochs = 1, ... }
---   batch      128; augment: { flip = true, crop = 2 } of data:batches
---   schedule   of optim.lr: a name of optim.schedule, { name, warmup = 100,
---              ... }, or function(part of the run) -> share of the first rate
---   accumulate  batches whose gradients a step adds up, weighted by their size
---   ema        an optim.EMA of the model, moved after every step; without a
---              garden it is what is validated
---   metrics    { name = metric }: moon.metrics, or { "TopK", k = 5 }, of
---              validation; in run.metrics under valid_name
---   autocast   what products are computed in: "bf16", on a GPU also "f16",
---              with an optimiser that has a loss_scale; see moon.autocast
---   loss       function(model, x, y) -> loss; cross-entropy unless given
---   garden     a seed.Garden of the model
---   out        a folder: checkpoints and the record
---   every      steps between checkpoints; one per epoch unless given
---   keep       how many of the last checkpoints stay (3), beside the best
---   patience   epochs without a better validation loss before it ends
---   rng_seed   where the run's random numbers begin; the caller's unless given
---   quiet      no progress
---   on_event   function(kind, fields)
---@param options table
---@return table run  that trains from now on, see run.lua
return setmetatable(M, { __call = function(_, options)
  return start(prepare(options))
end })
