--- The mean absolute error.
local elementwise = require "moonseed.nn.elementwise_loss"

--- |input - target| of each element, and their mean.
---@param input userdata
---@param target userdata     of its shape
---@param options table|nil   reduction: "mean", "sum" or "none"
---@return userdata
return function(input, target, options)
  local o
  o, input, target = elementwise.read("l1", input, target, options, {})
  return elementwise.reduce("l1", (input - target):abs(), o.reduction)
end
