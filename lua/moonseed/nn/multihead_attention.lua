--- Attention of several heads (Vaswani et al. 2017): queries, keys and values
--- are linear in what is given, each head attends with its share of their
--- features, and one more linear layer joins the heads.
--
-- Parameters have the names and shapes of PyTorch's layer.
local check = require "moonseed.check"
local initial = require "moonseed.nn.initial"
local moon = require "moonseed"
local nn = require "moonseed.nn"
local neural = require "moonseed.neural"

local MultiheadAttention = nn.Module:extend("MultiheadAttention")

--- nn.MultiheadAttention{ features, heads, bias = true }
---@param options table
function MultiheadAttention:init(options)
  local op = "MultiheadAttention"
  local o = check.options(op, options, { "features", "heads" },
                          { bias = true })
  local n = check.count(op, "features", o.features, 1)
  self.features, self.heads = n, check.count(op, "heads", o.heads, 1)
  if n % self.heads ~= 0 then
    check.fail(op, "%d heads do not divide %d features", self.heads, n)
  end
  self.in_proj_weight = initial.glorot(n, 3 * n, 3 * n, n)
  local bias = check.boolean(op, "bias", o.bias)
  if bias then self.in_proj_bias = moon.zeros(3 * n):requires_grad() end
  self.out_proj = nn.Linear{ n, n, bias = bias }
  if bias then
    moon.no_grad(function() self.out_proj.bias:fill_(0) end)
  end
end

-- Queries (part 0), keys (1) or values (2) of x [..., T, features], by heads:
-- [..., heads, T, features / heads].
local function project(self, x, part)
  local n, shape = self.features, x:shape()
  if #shape < 2 or shape[#shape] ~= n then
    check.fail("MultiheadAttention", "%s is %s, [...]xTx%d needed",
               ({ "q", "k", "v" })[part + 1], table.concat(shape, "x"), n)
  end
  local weight = self.in_proj_weight:narrow(1, part * n + 1, n)
  local bias = self.in_proj_bias
  bias = bias and bias:narrow(1, part * n + 1, n)
  shape[#shape], shape[#shape + 1] = self.heads, n / self.heads
  local order = {}
  for d = 1, #shape do order[d] = d end
  order[#shape - 2], order[#shape - 1] = #shape - 1, #shape - 2
  return neural.linear(x, weight, bias):reshape(shape):permute(order)
end

-- [..., heads, T, features / heads] -> [..., T, features]
local function join_heads(y)
  local shape, order = y:shape(), {}
  for d = 1, #shape do order[d] = d end
  order[#shape - 2], order[#shape - 1] = #shape - 1, #shape - 2
  local joined = { unpack(shape, 1, #shape - 3) }
  joined[#joined + 1] = shape[#shape - 1]
  joined[#joined + 1] = shape[#shape - 2] * shape[#shape]
  return y:permute(order):reshape(joined)
end

--- Of x alone: self-attention.
---@param q userdata         [..., L, features]
---@param k userdata|nil     [..., S, features]; q unless given
---@param v userdata|nil     [..., S, features]; k unless given
---@param options table|nil  causal, mask: as in moon.attention; the mask
---                          repeats to [..., heads, L, S]
---@return userdata [..., L, features]
function MultiheadAttention:forward(q, k, v, options)
  k = k or q
  v = v or k
  local y = neural.attention(project(self, q, 0), project(self, k, 1),
                             project(self, v, 2), options)
  return self.out_proj(join_heads(y))
end

return MultiheadAttention
