--- Binary cross-entropy of logits, told from the side that keeps its digits.
local check = require "moonseed.check"
local elementwise = require "moonseed.nn.elementwise_loss"
local tensor = require "moonseed.tensor"

-- -w y log s(x) - (1 - y) log(1 - s(x)), s the sigmoid, is
-- (1 - y) x + (1 + (w - 1) y) log(1 + e^-x). log(1 + e^-x) is max(-x, 0) +
-- log(1 + e^-|x|), which softplus computes without a threshold.
local endless = { threshold = math.huge }

--- For each logit x and target y in [0, 1] the cross-entropy of y and the
--- sigmoid of x, and their mean.
---@param logits userdata
---@param target userdata    of their shape
---@param options table|nil  pos_weight, a tensor that broadcasts to their
---                          shape: what y's own share counts; weight, likewise,
---                          what an element counts; reduction: "mean", "sum" or
---                          "none"
---@return userdata
return function(logits, target, options)
  local op = "bce_with_logits"
  local o
  o, logits, target = elementwise.read(op, logits, target, options,
                                       { pos_weight = check.optional,
                                         weight = check.optional })
  local wrong = (-logits):softplus(endless)
  if o.pos_weight then wrong = wrong * (target * (o.pos_weight - 1) + 1) end
  local losses = (1 - target) * logits + wrong
  if o.weight then losses = losses * o.weight end
  if losses:numel() ~= logits:numel() then
    check.fail(op, "weights for %s, the logits are %s",
               tensor.shape_text(losses), tensor.shape_text(logits))
  end
  return elementwise.reduce(op, losses, o.reduction)
end
