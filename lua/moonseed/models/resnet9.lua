--- ResNet-9, the small fast network of DAWNBench's CIFAR-10 entries (Page
--- 2018): images [N, inputs, H, W] -> [N, classes]. Three times the size is
--- halved; the last pooling is over all places, so H and W may be any from 8.
local check = require "moonseed.check"
local conv_norm = require "moonseed.models.conv_norm"
local nn = require "moonseed.nn"

local function conv(inputs, outputs, ...)
  return nn.Sequential(conv_norm(inputs, outputs, 3, 1, nn.ReLU{}, ...))
end

local function residual(n)
  return nn.Residual{ conv(n, n), conv(n, n) }
end

--- moon.models.resnet9{ classes, inputs = 3, width = 64 }
--- inputs: channels of the images; width: of the first layer. 6,573,120
--- parameters with ten classes.
---@param options table
---@return Sequential
return function(options)
  local o = check.options("resnet9", options, { "classes" },
                          { inputs = 3, width = 64 })
  local n = check.count("resnet9", "width", o.width, 1)
  return nn.Sequential{
    conv(o.inputs, n),
    conv(n, 2 * n, nn.MaxPool2d{ 2 }),
    residual(2 * n),
    conv(2 * n, 4 * n, nn.MaxPool2d{ 2 }),
    conv(4 * n, 8 * n, nn.MaxPool2d{ 2 }),
    residual(8 * n),
    nn.GlobalAvgPool2d{},
    { "head", nn.Linear{ 8 * n, o.classes, bias = false } },
  }
end
