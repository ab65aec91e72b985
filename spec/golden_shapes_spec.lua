-- Operations against PyTorch: see support.golden. Here is what joins, picks and
-- rearranges.

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

golden.agrees({ "products" }, run)
