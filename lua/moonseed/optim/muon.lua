--- Muon, "momentum orthogonalised by Newton-Schulz" (Jordan 2024):
--
--   v = momentum * v + g                  (v starts at zero)
--   u = nesterov and g + momentum * v or v
--   p = p * (1 - lr * weight_decay) - lr * sqrt(max(1, rows / columns)) * O(u)
--
-- where O(u) is near the closest matrix to u whose singular values are all 1.
-- It is found by a few steps of a polynomial in u, products of matrices alone,
-- in the op that steps (kernels/ref/orthogonal.h).
-- A weight with more than two dimensions (a convolution's) is the matrix of its
-- first dimension against the others. Parameters with fewer than two dimensions
-- are stepped by AdamW, with adam_lr, betas, eps and weight_decay; so are those
-- in a group with adam = true: embeddings, and the last layer, which Jordan
-- leaves to AdamW:
--
--   optim.Muon{ model, lr = 0.02,
--               groups = { { match = "^head", adam = true } } }
--
-- adam_lr moves in proportion to lr.
local check = require "moonseed.check"
local core = require "moonseed.ffi"
local Adam = require "moonseed.optim.adam"
local Optimiser = require "moonseed.optim.optimiser"
local C = core.C

local matrix = {
  name = "muon", code = C.MOON_STEP_MUON, states = { "velocity" },
  set = function(rates, o)
    rates.beta1, rates.steps = o.momentum, o.steps
    rates.flags = o.nesterov and C.MOON_STEP_NESTEROV or 0
  end,
}

local rest = {}
for name, value in pairs(Adam.decoupled) do rest[name] = value end
function rest.set(rates, o)
  Adam.decoupled.set(rates, o)
  rates.lr = o.adam_lr * o.pace
end

local Muon = Optimiser.class{
  name = "Muon", main = matrix,
  known = { lr = 0.02, momentum = 0.95, nesterov = true, steps = 5,
            weight_decay = 0, adam = false, adam_lr = 3e-4,
            betas = { 0.9, 0.95 }, eps = 1e-10 },
  rule_of = function(p, o)
    return p:ndim() >= 2 and not o.adam and matrix or rest
  end,
  check = function(op, o)
    if o.nesterov and o.momentum == 0 then
      check.fail(op, "nesterov needs a momentum above 0")
    end
  end,
}

--- optim.Muon{ model, lr = 0.02, momentum = 0.95, nesterov = true, steps = 5,
---             weight_decay = 0, adam_lr = 3e-4, betas = { 0.9, 0.95 },
---             eps = 1e-10 }
--- model: a module, or a list of tensors. steps: of the polynomial.
---@param options table
---@return table optimiser
local function new(_, options)
  local self = Optimiser.new(Muon, options)
  if self.first_lr == 0 then
    check.fail("Muon", "adam_lr moves in proportion to the first lr, which is "
               .. "0")
  end
  return self
end

return setmetatable(Muon, { __index = Optimiser, __call = new })
