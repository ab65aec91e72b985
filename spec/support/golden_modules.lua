-- Layers and networks of the golden cases: how each is made, and how it takes
-- given parameters.

local moon = require "moonseed"
local nn = moon.nn

local M = { make = {} }
local make = M.make

function make.conv2d_same(p)
  return nn.Conv2d{ 2, 3, kernel = p.kernel, padding = "same",
                    dilation = p.dilation }
end

function make.squeeze_excite(p)
  return nn.SqueezeExcite{ p.channels, hidden = p.hidden }
end

function make.weight_norm(p)
  return nn.WeightNorm{ nn.Linear{ 4, 2 }, dim = p.dim }
end

function make.weight_norm_conv()
  return nn.WeightNorm{ nn.Conv2d{ 3, 2, kernel = 3 } }
end

-- As resnet18 has them: the first block of its first stage, and of its second.
function make.resnet_block(p)
  local network = moon.models.resnet18{ 2, width = p.inputs }
  return network[p.stride == 1 and 4 or 6]
end

function make.resnet9()
  return moon.models.resnet9{ 3, inputs = 2, width = 1 }
end

function make.vit()
  return moon.models.vit{ 2, inputs = 1, size = 4, patch = 2, width = 4,
                          depth = 2, heads = 2 }
end

function make.vit_block() return make.vit()[2] end

function make.resnet18()
  return moon.models.resnet18{ 3, inputs = 2, width = 1 }
end

--- Applies a module with these tensors as its parameters, in order.
---@param model table
---@param x userdata
---@param ... userdata
---@return userdata
function M.run(model, x, ...)
  model:to(x:dtype())
  local names, values = {}, { ... }
  for name in model:parameters() do names[#names + 1] = name end
  assert(#names == #values, "other parameters than PyTorch's")
  for i, name in ipairs(names) do
    local owner, last = name:match "^(.*)%.([^.]+)$"
    model:get(owner or "")[last or name] = values[i]
  end
  return model(x)
end

return M
