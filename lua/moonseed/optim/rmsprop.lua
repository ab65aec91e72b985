--- RMSprop (Hinton 2012; centered: Graves 2013), in the form of PyTorch's:
--
--   g = gradient + weight_decay * p
--   s = alpha * s + (1 - alpha) * g^2
--   m = alpha * m + (1 - alpha) * g                  (centered)
--   v = momentum * v + g / (sqrt(s - m^2) + eps)     (m = 0 unless centered)
--   p = p - lr * v
--
-- All states start at zero.
local core = require "moonseed.ffi"
local Optimiser = require "moonseed.optim.optimiser"
local C = core.C

local RMSprop = Optimiser.class{
  name = "RMSprop",
  known = { lr = 0.01, alpha = 0.99, eps = 1e-8, weight_decay = 0,
            momentum = 0, centered = false },
  rule = {
    name = "rmsprop", code = C.MOON_STEP_RMSPROP,
    states = { "square", "velocity", "mean" },
    uses = function(o, name)
      if name == "velocity" then return o.momentum > 0 end
      return name == "square" or o.centered
    end,
    set = function(rates, o)
      rates.beta1, rates.beta2, rates.eps = o.momentum, o.alpha, o.eps
      rates.flags = o.centered and C.MOON_STEP_CENTERED or 0
    end,
  },
}

--- optim.RMSprop{ model, lr = 0.01, alpha = 0.99, eps = 1e-8,
---                weight_decay = 0, momentum = 0, centered = false }
--- model: a module, or a list of tensors.
---@param options table
---@return table optimiser
local function new(_, options) return Optimiser.new(RMSprop, options) end

return setmetatable(RMSprop, { __index = Optimiser, __call = new })
