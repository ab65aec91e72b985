--- The loop of a run, in its task: epochs, steps, validation, early stopping.

local context = require "moonseed.context"
local pace = require "moonseed.pace"
local checkpoint = require "moonseed.train.checkpoint"
local recording = require "moonseed.train.recording"
local progress = require "moonseed.train.progress"
local reload = require "moonseed.reload"
local seed = require "moonseed.seed"
local step = require "moonseed.train.step"

-- Between two steps: who wants what? After the last of an epoch, pauses and
-- checkpoints wait for the epoch's end, which still looks at that step's
-- gradients.
local function boundary(run)
  local seen = run.position.batch * run.options.batch
  local within = seen < #run.options.train
  if within then run:rest(checkpoint.serve_asked) end
  reload.boundary()
  if within then checkpoint.serve(run) end
  pace.pause()
end

-- --- an epoch --------------------------------------------------------------

-- The batches from the run's position on. What was drawn since the epoch began
-- is as it was.
local function batches(run)
  local o, position = run.options, run.position
  local mid = position.batch > 0 and context.save_generator()
  if mid then
    context.load_generator(position.generator)
  else
    position.generator = context.save_generator()
  end
  local b = { o.batch, shuffle = true, skip = position.batch }
  for name, value in pairs(o.augment or {}) do b[name] = value end
  local next_batch = o.train:batches(b)
  if mid then context.load_generator(mid) end
  return next_batch
end

local function measure(run)
  for _, metric in pairs(run.measured) do metric:reset() end
  return seed.evaluate.accuracy(run.model, run.options.valid, run.measured)
end

-- A garden keeps states of the model, so it sees the weights as they are.
local function evaluate(run)
  local valid = run.options.valid
  if run.garden then
    local found = run.garden:epoch(valid)
    if next(run.measured) then measure(run) end
    return found
  end
  if not valid then return {} end
  if run.ema then return run.ema:swapped(measure, run) end
  return measure(run)
end

local function note_epoch(run, found)
  local clock, at = run.clock, run.metrics.step
  repeat until not step.record_loss(run, clock:read())
  clock:note("valid_loss", at, found.loss)
  clock:note("valid_accuracy", at, found.accuracy)
  clock:note("lr", at, run.optim.lr)
  for name, metric in pairs(run.measured) do
    clock:note("valid_" .. name, at, metric:value())
  end
  recording.epoch(run)
end

-- Whether this epoch's validation loss is the best; whether to go on.
local function judge(run, loss)
  if not loss then return false, true end
  local best = run.best
  if not best or loss < best.loss then
    run.best = { loss = loss, epoch = run.position.epoch }
    return true, true
  end
  local patience = run.options.patience
  return false, not patience or run.position.epoch - best.epoch < patience
end

local function end_epoch(run, say)
  local found = evaluate(run)
  if found.loss and run.rate:listens() then run.rate:tell(found.loss) end
  note_epoch(run, found)
  local is_best, go_on = judge(run, found.loss)
  local m = run.metrics
  if say then
    say(("%s: epoch %d of %d, loss %.4f%s"):format(
      run.name, run.position.epoch, run.options.epochs, m.loss or 0 / 0,
      found.accuracy and (", valid %.2f%%"):format(100 * found.accuracy)
        or ""))
  end
  run.position = { epoch = run.position.epoch + 1, batch = 0 }
  local last = run.position.epoch > run.options.epochs or not go_on
  checkpoint.at_epoch(run, is_best, last)
  return go_on
end

local function epoch(run)
  run:rest(checkpoint.serve_asked)
  run.metrics.epoch = run.position.epoch
  local next_batch = batches(run)
  for group in step.groups(next_batch, run.options.accumulate) do
    step.take(run, group)
    run.position.batch = run.position.batch + #group
    boundary(run)
  end
end

--- Trains to the end.
---@param run table
return function(run)
  run.model:train()
  run.clock:start()
  local display = not run.options.quiet and progress.start(run)
  if display and run.continued then
    display.say(("%s: goes on from step %d"):format(run.name,
                                                    run.continued.step))
  end
  local ok, e = xpcall(function()
    while run.position.epoch <= run.options.epochs do
      epoch(run)
      if not end_epoch(run, display and display.say) then
        run:tell("stopped_early", { epoch = run.position.epoch - 1 })
        break
      end
    end
  end, context.note)
  if display then display.stop() end
  checkpoint.finish(run)
  if not ok then error(e, 0) end
end
