--- The loop of a run, in its task: epochs, steps, validation, early stopping.

local check = require "moonseed.check"
local context = require "moonseed.context"
local moon = require "moonseed"
local nn = require "moonseed.nn"
local pace = require "moonseed.pace"
local checkpoint = require "moonseed.train.checkpoint"
local recording = require "moonseed.train.recording"
local progress = require "moonseed.train.progress"
local reload = require "moonseed.reload"
local seed = require "moonseed.seed"
local uv = require("moonseed.ffi").uv

local ACCURACY_EVERY = 10  -- steps

-- --- a step ----------------------------------------------------------------

local function set_rate(run)
  local part = (run.metrics.step) / run.clock.total
  run.optim.lr = run.first_rate * run.rate(math.min(part, 1))
end

-- The loss, and now and then how many answers are right.
local function forward(run, x, y)
  local loss_of = run.options.loss
  if loss_of then return loss_of(run.model, x, y) end
  local logits = run.model(x)
  local right
  if run.metrics.step % ACCURACY_EVERY == 0 then
    right = moon.no_grad(function()
      return logits:detach():argmax(2):eq(y):to("f32"):sum()
    end)
  end
  return nn.cross_entropy(logits, y), right
end

local function learn(run, x, y)
  local loss, right = forward(run, x, y)
  run.optim:zero_grad()
  loss:backward()
  run.optim:step()
  if run.garden then run.garden:step{ y = y, loss = loss } end
  return loss:detach():clone():keep(), right and right:keep()
end

local function record_loss(run, at, value)
  if run.record and at then run.record:scalar("loss", at, value) end
  return at
end

local function step(run, x, y)
  set_rate(run)
  local since, loss, right = uv.hrtime(), nil, nil
  moon.tidy(function() loss, right = learn(run, x, y) end)
  recording.step(run, loss, since)
  record_loss(run, run.clock:step(x:size(1), loss, right))
end

-- Between two steps: who wants what? After the last of an epoch, checkpoints
-- wait for the epoch's end, which still looks at that step's gradients.
local function boundary(run)
  run:rest()
  reload.boundary()
  local seen = run.position.batch * run.options.batch
  if seen < #run.options.train then checkpoint.serve(run) end
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

local function evaluate(run)
  if run.garden then return run.garden:epoch(run.options.valid) end
  if not run.options.valid then return {} end
  return seed.evaluate.accuracy(run.model, run.options.valid)
end

local function note_epoch(run, found)
  local clock, at = run.clock, run.metrics.step
  repeat until not record_loss(run, clock:read())
  clock:note("valid_loss", at, found.loss)
  clock:note("valid_accuracy", at, found.accuracy)
  clock:note("lr", at, run.optim.lr)
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
  run.metrics.epoch = run.position.epoch
  for x, y in batches(run) do
    step(run, x, y)
    run.position.batch = run.position.batch + 1
    boundary(run)
  end
end

--- Trains to the end.
---@param run table
return function(run)
  if type(run.first_rate) ~= "number" then
    check.fail("fit", "optim.lr is a %s", type(run.first_rate))
  end
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
