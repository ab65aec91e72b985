--- The mean squared error.
local elementwise = require "moonseed.nn.elementwise_loss"

--- (input - target)^2 of each element, and their mean.
---@param input userdata
---@param target userdata     of its shape
---@param options table|nil   reduction: "mean", "sum" or "none"
---@return userdata
return function(input, target, options)
  local o
  o, input, target = elementwise.read("mse", input, target, options, {})
  return elementwise.reduce("mse", (input - target) ^ 2, o.reduction)
end
