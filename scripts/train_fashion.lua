-- Trains a small convolutional network on Fashion-MNIST.
--
--   moonseed scripts/train_fashion.lua           8 epochs
--   moonseed scripts/train_fashion.lua --quick   3 epochs, as `make demo`
local argparse = require "argparse"
local moon = require "moonseed"
local uv = require "luv"
local nn, optim = moon.nn, moon.optim

-- A whole number from 1; nil is argparse's sign of a bad argument.
local function count(text)
  local n = tonumber(text)
  return n and n >= 1 and n % 1 == 0 and n or nil
end

local parser = argparse("train_fashion.lua",
                        "Trains a convolutional network on Fashion-MNIST.")
parser:option("--epochs", "How often to see every image (8).", 8):convert(count)
parser:flag("--quick", "Three epochs.")
parser:option("--rng-seed", "Of the random numbers (1).", 1):convert(tonumber)
parser:option("--threads", "CPU cores to use; all, unless given.")
  :convert(count)
parser:option("--until", "Stop after the epoch that reaches this accuracy on "
              .. "the test images, in percent, and say how long that took.")
  :convert(tonumber):target "goal"
parser:option("--out", "Where to save the weights, as safetensors.")

local BATCH, PEAK_RATE, WARM_UP = 64, 0.05, 0.25
local CLEAR = "\r\27[K"  -- a terminal's line

-- 28 x 28 -> 14 x 14 -> 7 x 7 -> 3 x 3. Pooling comes right after each
-- convolution, so that norm and ReLU have a quarter of the work.
local function build()
  local function block(inputs, outputs)
    return nn.Sequential{
      nn.Conv2d{ inputs, outputs, kernel = 3, padding = 1, bias = false },
      nn.MaxPool2d{ 2 }, nn.BatchNorm2d{ outputs }, nn.ReLU{},
    }
  end
  return nn.Sequential{
    block(1, 32), block(32, 64), block(64, 64),
    nn.Flatten{}, nn.Linear{ 64 * 3 * 3, 10 },
  }
end

-- One cycle: up along a line, down along a cosine; `part` of the run in [0, 1).
local function rate(part)
  if part < WARM_UP then return PEAK_RATE * part / WARM_UP end
  local down = (part - WARM_UP) / (1 - WARM_UP)
  return PEAK_RATE * (1 + math.cos(math.pi * down)) / 2
end

-- Share of images whose class the model finds, in percent. Counts on the
-- device and reads one number at the end.
local function accuracy(model, images)
  model:eval()
  local correct = moon.zeros(1)
  moon.no_grad(function()
    for x, y in images:batches{ 500 } do
      correct:add_(model(x):argmax(2):eq(y):to("f32"):sum())
    end
  end)
  model:train()
  return 100 * correct:item() / #images
end

local function seconds() return uv.hrtime() / 1e9 end

-- A line that is written over while the epoch runs; on a terminal only. The
-- task that draws it runs beside the training.
local function start_progress(run)
  if uv.guess_handle(1) ~= "tty" then return end
  moon.spawn(function()
    while not run.done do
      moon.sleep(100)
      if not run.done and run.loss and run.loss:is_ready() then
        io.write(CLEAR, ("epoch %d, step %d of %d, loss %.3f, "):format(
          run.epoch, run.step, run.n_steps, run.loss:item()))
        io.write(("%.0f images/s"):format(
          run.step * BATCH / (seconds() - run.since)))
        io.flush()
      end
    end
  end)
  return CLEAR
end

local function train_epoch(run, model, opt, images)
  local total, n = moon.zeros(1), math.ceil(#images / BATCH)
  run.step, run.n_steps, run.since = 0, n, seconds()
  for x, y in images:batches{ BATCH, shuffle = true, flip = true } do
    opt.lr = rate((run.epoch - 1 + run.step / n) / run.epochs)
    local loss = nn.cross_entropy(model(x), y)
    opt:zero_grad()
    loss:backward()
    opt:step()
    total:add_(loss:detach())
    run.step = run.step + 1
    if run.step % 20 == 0 then run.loss = loss:detach() end
  end
  return total:item() / n
end

-- One line on an epoch; the accuracy.
local function report(run, loss, model, images)
  local took, percent = seconds() - run.since, accuracy(model, images)
  io.write(("epoch %d of %d: loss %.4f, %s %.2f%%, %.1f s, %.0f images/s\n")
    :format(run.epoch, run.epochs, loss, run.judged_by, percent, took,
            run.step * BATCH / took))
  io.flush()
  return percent
end

local function main()
  local options = parser:parse()
  local epochs = options.quick and 3 or options.epochs
  if options.threads then moon.set_threads(options.threads) end
  moon.manual_seed(options.rng_seed)
  local all = moon.data.fashion_mnist{ "train" }
  local train, valid = all:split{ 5000, rng_seed = 1 }
  local model = build()
  local opt = optim.SGD{ model, lr = 0, momentum = 0.9, nesterov = true,
                         weight_decay = 5e-4 }
  local test = options.goal and moon.data.fashion_mnist{ "test" }
  local run = { epochs = epochs, judged_by = test and "test" or "valid" }
  local clear, begin = start_progress(run) or "", seconds()
  for epoch = 1, epochs do
    run.epoch = epoch
    local loss = train_epoch(run, model, opt, train)
    io.write(clear)
    local percent = report(run, loss, model, test or valid)
    if test and percent >= options.goal then
      print(("%.2f%% on the test images after %d epochs, %.2f s"):format(
        percent, epoch, seconds() - begin))
      break
    end
  end
  run.done = true
  if options.out then moon.save(options.out, model:state()) end
  test = test or moon.data.fashion_mnist{ "test" }
  print(("test accuracy %.2f%%"):format(accuracy(model, test)))
end

main()
