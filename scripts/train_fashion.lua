-- Trains a small convolutional network on Fashion-MNIST.
--
--   moonseed scripts/train_fashion.lua           8 epochs
--   moonseed scripts/train_fashion.lua --quick   3 epochs, as `make demo`
local moon = require "moonseed"
local training = require "training"
local nn, optim = moon.nn, moon.optim

local parser = training.parser("train_fashion.lua",
  "Trains a convolutional network on Fashion-MNIST.", 8)
parser:flag("--quick", "Three epochs.")

local BATCH, PEAK_RATE = 64, 0.05

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

local function main()
  local options = parser:parse()
  if options.quick then options.epochs = 3 end
  training.begin(options)
  local all = moon.data.fashion_mnist{ "train" }
  local train, valid = all:split{ 5000, rng_seed = 1 }
  local test = moon.data.fashion_mnist{ "test" }
  train, valid, test = training.some(options, train, valid, test)
  local model = build()
  local opt = optim.SGD{ model, lr = PEAK_RATE, momentum = 0.9,
                         nesterov = true, weight_decay = 5e-4 }
  training.run{
    options = options, model = model, opt = opt, batch = BATCH, train = train,
    valid = valid, test = test,
    augment = { flip = true }, loss = nn.cross_entropy,
    rate = optim.schedule.one_cycle{
      opt, steps = training.steps(options, train, BATCH) },
  }
end

main()
