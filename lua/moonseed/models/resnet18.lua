--- ResNet-18 (He et al. 2016) in the form for small images, whose first layer
--- is 3x3 and does not shrink them: [N, inputs, H, W] -> [N, classes]. Four
--- stages of two blocks, each stage but the first at half the size of the one
--- before and twice its channels.
local check = require "moonseed.check"
local conv_norm = require "moonseed.models.conv_norm"
local nn = require "moonseed.nn"

local function append(list, more)
  for _, entry in ipairs(more) do list[#list + 1] = entry end
  return list
end

-- relu(s(x) + f(x)), f two convolutions; s is 1x1 where the shape changes.
local function block(inputs, outputs, stride)
  local layers = append(conv_norm(inputs, outputs, 3, stride, nn.ReLU{}),
                        conv_norm(outputs, outputs, 3, 1))
  if stride ~= 1 or inputs ~= outputs then
    layers.shortcut = nn.Sequential(conv_norm(inputs, outputs, 1, stride))
  end
  return nn.Sequential{ nn.Residual(layers), nn.ReLU{} }
end

--- moon.models.resnet18{ classes, inputs = 3, width = 64 }
--- inputs: channels of the images; width: of the first stage. 11,173,962
--- parameters with ten classes.
---@param options table
---@return Sequential
return function(options)
  local o = check.options("resnet18", options, { "classes" },
                          { inputs = 3, width = 64 })
  local n = check.count("resnet18", "width", o.width, 1)
  local layers = conv_norm(o.inputs, n, 3, 1, nn.ReLU{})
  for stage = 1, 4 do
    local inputs = stage == 1 and n or n * 2 ^ (stage - 2)
    local outputs = n * 2 ^ (stage - 1)
    append(layers, { block(inputs, outputs, stage == 1 and 1 or 2),
                     block(outputs, outputs, 1) })
  end
  return nn.Sequential(append(layers, {
    nn.GlobalAvgPool2d{}, { "head", nn.Linear{ 8 * n, o.classes } },
  }))
end
