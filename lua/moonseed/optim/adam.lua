--- Adam (Kingma and Ba 2015), in the form of PyTorch's:
--
--   g = gradient + weight_decay * p
--   m = beta1 * m + (1 - beta1) * g       s = beta2 * s + (1 - beta2) * g^2
--   p = p - lr * m / (1 - beta1^t) / (sqrt(s / (1 - beta2^t)) + eps)
--
-- where t counts the steps of this parameter; m, s and t start at zero. With
-- weights to decay, AdamW is what you want.
local core = require "moonseed.ffi"
local Optimiser = require "moonseed.optim.optimiser"
local C = core.C

-- Also for those that step some parameters so. `flags`: see moon_step_rates.
local function rule(flags)
  return {
    name = "adam", code = C.MOON_STEP_ADAM,
    states = { "mean", "square", "count" }, scalars = { count = true },
    set = function(rates, o)
      rates.beta1, rates.beta2 = o.betas[1], o.betas[2]
      rates.eps, rates.flags = o.eps, flags
    end,
  }
end

local Adam = Optimiser.class{
  name = "Adam", rule = rule(0),
  known = { lr = 1e-3, betas = { 0.9, 0.999 }, eps = 1e-8, weight_decay = 0 },
}
Adam.decoupled = rule(C.MOON_STEP_DECOUPLED)

--- optim.Adam{ model, lr = 1e-3, betas = { 0.9, 0.999 }, eps = 1e-8,
---             weight_decay = 0 }
--- model: a module, or a list of tensors.
---@param options table
---@return table optimiser
local function new(_, options) return Optimiser.new(Adam, options) end

return setmetatable(Adam, { __index = Optimiser, __call = new })
