--- AdamW (Loshchilov and Hutter 2019): Adam whose weight decay goes past the
--- moments, in the form of PyTorch's:
--
--   p = p * (1 - lr * weight_decay)
--   m = beta1 * m + (1 - beta1) * g       s = beta2 * s + (1 - beta2) * g^2
--   p = p - lr * m / (1 - beta1^t) / (sqrt(s / (1 - beta2^t)) + eps)
--
-- where t counts the steps of this parameter; m, s and t start at zero.
local Adam = require "moonseed.optim.adam"
local Optimiser = require "moonseed.optim.optimiser"

local AdamW = Optimiser.class{
  name = "AdamW", rule = Adam.decoupled,
  known = { lr = 1e-3, betas = { 0.9, 0.999 }, eps = 1e-8,
            weight_decay = 0.01 },
}

--- optim.AdamW{ model, lr = 1e-3, betas = { 0.9, 0.999 }, eps = 1e-8,
---              weight_decay = 0.01 }
--- model: a module, or a list of tensors.
---@param options table
---@return table optimiser
local function new(_, options) return Optimiser.new(AdamW, options) end

return setmetatable(AdamW, { __index = Optimiser, __call = new })
