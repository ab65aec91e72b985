--- LeNet-5 (LeCun et al. 1998) as it is built today, with ReLU and max pooling:
--- images [N, inputs, 28, 28] -> [N, classes].
local check = require "moonseed.check"
local nn = require "moonseed.nn"

--- moon.models.lenet{ classes, inputs = 1 }
--- inputs: channels of the images. 61,706 parameters with ten classes.
---@param options table
---@return Sequential
return function(options)
  local o = check.options("lenet", options, { "classes" }, { inputs = 1 })
  return nn.Sequential{
    nn.Conv2d{ o.inputs, 6, kernel = 5, padding = 2 }, nn.ReLU{},
    nn.MaxPool2d{ 2 },
    nn.Conv2d{ 6, 16, kernel = 5 }, nn.ReLU{},
    nn.MaxPool2d{ 2 },
    nn.Flatten{},
    nn.Linear{ 16 * 5 * 5, 120 }, nn.ReLU{},
    nn.Linear{ 120, 84 }, nn.ReLU{},
    { "head", nn.Linear{ 84, o.classes } },
  }
end
