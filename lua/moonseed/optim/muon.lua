--- Muon, "momentum orthogonalised by Newton-Schulz" (Jordan 2024):
--
--   v = momentum * v + g                  (v starts at zero)
--   u = nesterov and g + momentum * v or v
--   p = p * (1 - lr * weight_decay) - lr * sqrt(max(1, rows / columns)) * O(u)
--
-- where O(u) is near the closest matrix to u whose singular values are all 1.
-- It is found by a few steps of a polynomial in u, products of matrices alone.
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
local context = require "moonseed.context"
local core = require "moonseed.ffi"
local Adam = require "moonseed.optim.adam"
local moon = require "moonseed"
local Optimiser = require "moonseed.optim.optimiser"
local frames = require "moonseed.optim.frame"
local tensor = require "moonseed.tensor"
local C, ffi = core.C, core.ffi

local EPS = 1e-7
-- a x + b x^3 + c x^5 takes singular values in (0, 1] to about 1 when it is
-- applied again and again (Jordan 2024).
local POLYNOMIAL = { a = 3.4445, b = -4.7750, c = 2.0315 }

-- --- orthogonalising -------------------------------------------------------

-- Of a matrix, in its own dtype.
local function orthogonal(u, steps)
  local x = u / (u:norm() + EPS)
  local is_tall = x:size(1) > x:size(2)
  if is_tall then x = x:t() end
  local a, b, c = POLYNOMIAL.a, POLYNOMIAL.b, POLYNOMIAL.c
  for _ = 1, steps do
    local square = x:matmul(x:t())
    x = x * a + (square * b + square:matmul(square) * c):matmul(x)
  end
  return is_tall and x:t() or x
end

-- Where the parameter goes: u has its shape.
local function direction_of(u, steps)
  local shape = u:shape()
  local matrix = u:reshape(shape[1], -1)
  local scale = math.sqrt(math.max(1, shape[1] / matrix:size(2)))
  return (orthogonal(matrix, steps) * scale):reshape(shape)
end

-- --- the momentum that is looked at ----------------------------------------

local function handle(p) return tensor.wrap(C.moon_tensor_retain(p)) end

-- Makes an entry of SGD's that takes a copy of the velocity as far as the step
-- will, and moves zeros by -u: the gradient is clipped as the others are.
local function look(entry, from)
  local v = handle(from.state[0])
  local minus, copy = moon.zeros(v:shape(), { dtype = v:dtype(),
                                              device = v:device() }), v:clone()
  entry.parameter, entry.gradient = minus.p, from.gradient
  entry.state[0] = copy.p
  local rates = entry.rates
  rates.rule, rates.flags = C.MOON_STEP_SGD, from.rates.flags
  rates.lr, rates.beta1 = 1, from.rates.beta1
  return minus, copy
end

-- An entry whose gradient only counts in the norm.
local function count(entry, from)
  entry.gradient, entry.rates.rule = from.gradient, C.MOON_STEP_NORM
end

-- -u of each of Muon's entries, by place.
local function looks(frame, n)
  local minus, copies = {}, {}
  local other = { entries = core.array("moon_step_entry[?]", n),
                  params = ffi.new("moon_step_params", frame.params) }
  for i = 0, n - 1 do
    local from = frame.entries[i]
    if from.rates.rule == C.MOON_STEP_MUON then
      minus[i], copies[i] = look(other.entries[i], from)
    elseif frame.params.max_norm > 0 then
      count(other.entries[i], from)
    end
  end
  frames.submit(other, n, nil)
  return tensor.after(minus, copies)
end

-- Fills in where Muon's entries go.
local function prepare(_, frame, n)
  frame.kept = context.with_grad_mode(0, moon.tidy, function()
    local found = {}
    for i, minus in pairs(looks(frame, n)) do
      found[i] = direction_of(-minus, frame.entries[i].rates.beta2)
    end
    return found
  end)
  for i, t in pairs(frame.kept) do frame.entries[i].state[1] = t.p end
end

-- --- the class -------------------------------------------------------------

local matrix = {
  name = "muon", code = C.MOON_STEP_MUON, states = { "velocity" },
  set = function(rates, o)
    rates.beta1, rates.beta2 = o.momentum, o.steps  -- the latter for `prepare`
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
  name = "Muon", main = matrix, prepare = prepare,
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
