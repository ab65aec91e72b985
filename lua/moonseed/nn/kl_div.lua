--- The Kullback-Leibler divergence of a distribution from its logarithms.
local check = require "moonseed.check"
local elementwise = require "moonseed.nn.elementwise_loss"

-- target log target, 0 where target is.
local function negative_entropy(target)
  return target * target:eq(0):where(1, target):log()
end

--- target (log target - input) of each element, and their mean; 0 where the
--- target is.
---@param input userdata     logarithms of probabilities
---@param target userdata    probabilities, of its shape
---@param options table|nil  log_target (false): the target is logarithms, too;
---                          reduction: "mean", "batchmean" (the sum over the
---                          first extent), "sum" or "none"
---@return userdata
return function(input, target, options)
  local op = "kl_div"
  local o, losses
  o, input, target = elementwise.read(op, input, target, options,
                                      { log_target = false })
  if check.boolean(op, "log_target", o.log_target) then
    losses = target:exp() * (target - input)
  else
    losses = negative_entropy(target) - target * input
  end
  if o.reduction == "batchmean" then return losses:sum() / input:size(1) end
  return elementwise.reduce(op, losses, o.reduction)
end
