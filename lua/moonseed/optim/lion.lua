--- Lion, "evolved sign momentum" (Chen et al. 2023):
--
--   p = p * (1 - lr * weight_decay) - lr * sign(beta1 * m + (1 - beta1) * g)
--   m = beta2 * m + (1 - beta2) * g       (m starts at zero)
--
-- Every element moves by lr: a tenth to a third of AdamW's rate, and three to
-- ten times its weight decay, are where to begin.
local core = require "moonseed.ffi"
local Optimiser = require "moonseed.optim.optimiser"
local C = core.C

local Lion = Optimiser.class{
  name = "Lion",
  known = { lr = 1e-4, betas = { 0.9, 0.99 }, weight_decay = 0 },
  rule = {
    name = "lion", code = C.MOON_STEP_LION, states = { "mean" },
    set = function(rates, o)
      rates.beta1, rates.beta2 = o.betas[1], o.betas[2]
    end,
  },
}

--- optim.Lion{ model, lr = 1e-4, betas = { 0.9, 0.99 }, weight_decay = 0 }
--- model: a module, or a list of tensors.
---@param options table
---@return table optimiser
local function new(_, options) return Optimiser.new(Lion, options) end

return setmetatable(Lion, { __index = Optimiser, __call = new })
