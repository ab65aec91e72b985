--- What the training scripts share: their options, epochs that each end with a
--- line, and the accuracy on the test images at the end.
local argparse = require "argparse"
local moon = require "moonseed"
local uv = require "luv"

local M = {}

local CLEAR = "\r\27[K"  -- a terminal's line

--- A whole number from 1; nil is argparse's sign of a bad argument.
---@param text string
---@return integer|nil
function M.count(text)
  local n = tonumber(text)
  return n and n >= 1 and n % 1 == 0 and n or nil
end

--- The options of all training scripts; add your own.
---@param script string  its file
---@param what string    what it does, a sentence
---@param epochs integer  unless told otherwise
---@return table  of argparse
function M.parser(script, what, epochs)
  local parser = argparse(script, what)
  parser:option("--epochs", ("How often to see every image (%d).")
    :format(epochs), epochs):convert(M.count)
  parser:option("--images", "How many images of each set to use; all, unless "
                .. "given.")
    :convert(M.count)
  parser:option("--rng-seed", "Of the random numbers (1).", 1)
    :convert(tonumber)
  parser:option("--threads", "CPU cores to use; all, unless given.")
    :convert(M.count)
  parser:option("--until", "Stop after the epoch that reaches this accuracy on "
                .. "the test images, in percent, and say how long that took.")
    :convert(tonumber):target "goal"
  parser:option("--out", "Where to save the weights, as safetensors.")
  return parser
end

--- Does what the options ask for before anything is made.
---@param options table
function M.begin(options)
  if options.threads then moon.set_threads(options.threads) end
  moon.manual_seed(options.rng_seed)
end

--- The first images of each set, as many as the options ask for.
---@param options table
---@param ... Dataset
---@return Dataset ...
function M.some(options, ...)
  local sets = { ... }
  for i, data in ipairs(sets) do
    sets[i] = data:narrow(1, math.min(options.images or #data, #data))
  end
  return unpack(sets)
end

--- How many steps a training takes.
---@param options table
---@param data Dataset
---@param batch integer
---@return integer
function M.steps(options, data, batch)
  return options.epochs * math.ceil(#data / batch)
end

--- The share of images whose class the model finds, in percent. Counts on the
--- device and reads one number at the end.
---@param model Module
---@param images Dataset
---@return number
function M.accuracy(model, images)
  local right = moon.metrics.Accuracy{}
  model:eval()
  moon.no_grad(function()
    for x, y in images:batches{ 500 } do right:update(model(x), y) end
  end)
  model:train()
  return 100 * right:value()
end

local function seconds() return uv.hrtime() / 1e9 end

-- A line that is written over while the epoch runs; on a terminal only. The
-- task that draws it runs beside the training.
local function start_progress(run, at)
  if uv.guess_handle(1) ~= "tty" then return "" end
  moon.spawn(function()
    while not at.done do
      moon.sleep(100)
      if not at.done and at.loss and at.loss:is_ready() then
        io.write(CLEAR, ("epoch %d, step %d of %d, loss %.3f, "):format(
          at.epoch, at.step, at.n_steps, at.loss:item()))
        io.write(("%.0f images/s"):format(
          at.step * run.batch / (seconds() - at.since)))
        io.flush()
      end
    end
  end)
  return CLEAR
end

-- The mean loss.
local function train_epoch(run, at)
  local total = moon.zeros(1)
  at.n_steps = math.ceil(#run.train / run.batch)
  at.step, at.since = 0, seconds()
  local batches = { run.batch, shuffle = true }
  for name, value in pairs(run.augment or {}) do batches[name] = value end
  for x, y in run.train:batches(batches) do
    local loss = run.loss(run.model(x), y)
    run.opt:zero_grad()
    loss:backward()
    run.opt:step()
    run.rate:step()
    total:add_(loss:detach())
    at.step = at.step + 1
    if at.step % 20 == 0 then at.loss = loss:detach() end
  end
  return total:item() / at.n_steps
end

-- One line on an epoch; the accuracy, of those that are judged.
local function report(run, at, loss)
  local took = seconds() - at.since
  local images = run.options.goal and run.test or run.valid
  local percent = images and M.accuracy(run.model, images)
  io.write(("epoch %d of %d: loss %.4f, "):format(at.epoch, run.options.epochs,
                                                  loss))
  if percent then
    io.write(("%s %.2f%%, "):format(images == run.test and "test" or "valid",
                                    percent))
  end
  print(("%.1f s, %.0f images/s"):format(took, #run.train / took))
  io.flush()
  return percent
end

--- Trains, and says how well it went. Fields of a run: options, as the parser
--- gives them; model, opt, rate, which is stepped with it; train and test
--- images, and valid ones to judge an epoch by, if any; batch, augment (options
--- of batches), loss(logits, y), every (report each so manyth epoch; 1).
---@param run table
function M.run(run)
  local options, at, begin = run.options, {}, seconds()
  local clear = start_progress(run, at)
  for epoch = 1, options.epochs do
    at.epoch = epoch
    local loss = train_epoch(run, at)
    io.write(clear)
    if epoch % (run.every or 1) == 0 or epoch == options.epochs then
      local percent = report(run, at, loss)
      if options.goal and percent >= options.goal then
        print(("%.2f%% on the test images after %d epochs, %.2f s"):format(
          percent, epoch, seconds() - begin))
        break
      end
    end
  end
  at.done = true
  local took = seconds() - begin
  if options.out then moon.save(options.out, run.model:state()) end
  print(("%.1f s of training"):format(took))
  print(("test accuracy %.2f%%"):format(M.accuracy(run.model, run.test)))
end

return M
