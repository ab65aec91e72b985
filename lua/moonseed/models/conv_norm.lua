--- Layers of a convolution and its norm, as most networks begin.
local nn = require "moonseed.nn"

--- A list for nn.Sequential or nn.Residual: a convolution that keeps the size
--- at stride 1, without a bias (the norm has one), and batch norm.
---@param inputs integer
---@param outputs integer
---@param kernel integer  odd
---@param stride integer
---@param ... table       modules after these
---@return table[]
return function(inputs, outputs, kernel, stride, ...)
  local conv = nn.Conv2d{ inputs, outputs, kernel = kernel, stride = stride,
                          padding = (kernel - 1) / 2, bias = false }
  nn.init.kaiming_normal_(conv.weight, { mode = "fan_out" })
  return { conv, nn.BatchNorm2d{ outputs }, ... }
end
