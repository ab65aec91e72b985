-- Operations against PyTorch: see support.golden. Here is what joins, picks and
-- rearranges, and what is made of such.

local golden = require "support.golden"
local moon = require "moonseed"

local run = {}

for _, op in ipairs{ "matmul", "bmm" } do
  run[op] = function(_, ...) return moon[op](...) end
end

-- A mask that came as whole numbers is one of booleans.
function run.attention(p, q, k, v, mask)
  if mask and mask:dtype() == "i64" then mask = mask:gt(0) end
  return moon.attention(q, k, v, { mask = mask, causal = p.causal,
                                   scale = p.scale })
end

function run.layer_norm(p, x, w, b)
  return x:layer_norm(p.shape, w, b, { eps = p.eps })
end

function run.instance_norm(p, x, w, b)
  return x:instance_norm(w, b, { eps = p.eps })
end

function run.embedding(p, index, w)
  return moon.embedding(index, w, { padding = p.padding })
end

function run.multihead_attention(_, q, k, ...)
  local layer = moon.nn.MultiheadAttention{ 4, 2 }
  layer.in_proj_weight, layer.in_proj_bias = ...
  layer.out_proj.weight, layer.out_proj.bias = select(3, ...)
  return layer(q, k)
end

for _, op in ipairs{ "max_pool2d", "avg_pool2d" } do
  run[op] = function(p, x) return moon[op](x, p) end
end

for _, op in ipairs{ "adaptive_max_pool2d", "adaptive_avg_pool2d" } do
  run[op] = function(p, x) return moon[op](x, p.size) end
end

function run.conv_transpose2d(p, x, w, b)
  return moon.conv_transpose2d(x, w, b, p)
end

function run.unfold(p, x) return x:unfold(p) end
function run.fold(p, x) return x:fold(p) end

function run.flip(p, x) return x:flip(p.dims) end
function run.roll(p, x) return x:roll(p.shifts, p.dims) end
function run.tile(p, x) return x:tile(p.counts) end

function run.pad(p, x)
  return x:pad(p.pairs, { mode = p.mode, value = p.value })
end

function run.tril(p, x) return x:tril(p.diagonal) end
function run.triu(p, x) return x:triu(p.diagonal) end

function run.sort(p, x)
  return x:sort(p.dim, { descending = p.descending })
end

function run.topk(p, x) return x:topk(p.k, p.dim, { largest = p.largest }) end

function run.scatter_add(p, x, index, from)
  return x:scatter_add(p.dim, index, from)
end

function run.one_hot(p, index) return moon.one_hot(index, p.classes) end

function run.masked_fill(p, x, mask)
  return x:masked_fill(mask:gt(0), p.value)
end

golden.agrees({ "products", "layers", "arrange" }, run)
