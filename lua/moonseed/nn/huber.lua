--- Huber's loss (1964): squared near 0, straight beyond delta.
local check = require "moonseed.check"
local elementwise = require "moonseed.nn.elementwise_loss"

--- d^2 / 2 of each difference d up to delta, delta (|d| - delta / 2) beyond,
--- and their mean.
---@param input userdata
---@param target userdata     of its shape
---@param options table|nil   delta (1), above 0; reduction: "mean", "sum" or
---                           "none"
---@return userdata
return function(input, target, options)
  local o
  o, input, target = elementwise.read("huber", input, target, options,
                                      { delta = 1 })
  if check.number("huber", "delta", o.delta) <= 0 then
    check.fail("huber", "delta is above 0, not %g", o.delta)
  end
  local losses = elementwise.huber(input, target, o.delta)
  return elementwise.reduce("huber", losses, o.reduction)
end
