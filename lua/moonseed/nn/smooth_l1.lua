--- The smooth L1 loss: Huber's loss over beta (Girshick 2015).
local check = require "moonseed.check"
local elementwise = require "moonseed.nn.elementwise_loss"

--- d^2 / (2 beta) of each difference d up to beta, |d| - beta / 2 beyond, and
--- their mean.
---@param input userdata
---@param target userdata     of its shape
---@param options table|nil   beta (1); of beta 0 it is nn.l1; reduction:
---                           "mean", "sum" or "none"
---@return userdata
return function(input, target, options)
  local op = "smooth_l1"
  local o
  o, input, target = elementwise.read(op, input, target, options, { beta = 1 })
  if check.number(op, "beta", o.beta) < 0 then
    check.fail(op, "beta is at least 0, not %g", o.beta)
  end
  local losses = o.beta == 0 and (input - target):abs()
    or elementwise.huber(input, target, o.beta) / o.beta
  return elementwise.reduce(op, losses, o.reduction)
end
