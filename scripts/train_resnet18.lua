-- Trains ResNet-18, in the form for small images, on Fashion-MNIST.
--
--   moonseed scripts/train_resnet18.lua             5 epochs, 33 minutes
--   moonseed scripts/train_resnet18.lua --until 93  until 93% are right
local moon = require "moonseed"
local training = require "training"
local nn, optim = moon.nn, moon.optim

local parser = training.parser("train_resnet18.lua",
  "Trains ResNet-18 on Fashion-MNIST.", 5)
parser:option("--width", "Channels of the first stage (64).", 64)
  :convert(training.count)
parser:option("--crop", "Shift images by up to so many pixels (1).", 1)
  :convert(tonumber)
parser:option("--cutout", "The side of a box that is blotted out (0).", 0)
  :convert(tonumber)

-- In so few epochs little variation teaches most: images are mirrored and moved
-- by a pixel, and nothing is blotted out unless asked for.
local BATCH, PEAK_RATE = 128, 0.1

local function main()
  local options = parser:parse()
  training.begin(options)
  local all = moon.data.fashion_mnist{ "train" }
  local train, valid = all:split{ 5000, rng_seed = 1 }
  local test = moon.data.fashion_mnist{ "test" }
  train, valid, test = training.some(options, train, valid, test)
  local model = moon.models.resnet18{ 10, inputs = 1, width = options.width }
  local opt = optim.SGD{ model, lr = PEAK_RATE, momentum = 0.9,
                         nesterov = true, weight_decay = 5e-4,
                         groups = { { kind = "Norm", decay = false } } }
  local cutout = options.cutout > 0 and options.cutout or nil
  training.run{
    options = options, model = model, opt = opt, batch = BATCH, train = train,
    valid = valid, test = test,
    augment = { flip = true, crop = options.crop, cutout = cutout },
    loss = nn.cross_entropy,
    rate = optim.schedule.one_cycle{
      opt, steps = training.steps(options, train, BATCH) },
  }
end

main()
