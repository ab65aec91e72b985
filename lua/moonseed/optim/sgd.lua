--- Stochastic gradient descent with momentum (Sutskever et al. 2013, in the
--- form of PyTorch's SGD):
--
--   g = gradient + weight_decay * p
--   v = momentum * v + g           (v starts at zero)
--   p = p - lr * (nesterov and g + momentum * v or v)
local check = require "moonseed.check"
local core = require "moonseed.ffi"
local Optimiser = require "moonseed.optim.optimiser"
local C = core.C

local SGD = Optimiser.class{
  name = "SGD",
  known = { lr = check.required, momentum = 0, nesterov = false,
            weight_decay = 0 },
  rule = {
    name = "sgd", code = C.MOON_STEP_SGD, states = { "velocity" },
    uses = function(o) return o.momentum > 0 end,
    set = function(rates, o)
      rates.beta1 = o.momentum
      rates.flags = o.nesterov and C.MOON_STEP_NESTEROV or 0
    end,
  },
  check = function(op, o)
    if o.nesterov and o.momentum == 0 then
      check.fail(op, "nesterov needs a momentum above 0")
    end
  end,
}

--- optim.SGD{ model, lr =, momentum = 0, nesterov = false, weight_decay = 0 }
--- model: a module, or a list of tensors.
---@param options table
---@return table optimiser
local function new(_, options) return Optimiser.new(SGD, options) end

return setmetatable(SGD, { __index = Optimiser, __call = new })
