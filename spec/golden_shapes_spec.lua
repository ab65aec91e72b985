-- Operations against PyTorch: see support.golden. Here is what joins, picks and
-- rearranges.

local golden = require "support.golden"
local moon = require "moonseed"

local run = {}

for _, op in ipairs{ "matmul", "bmm" } do
  run[op] = function(_, ...) return moon[op](...) end
end

golden.agrees({ "products" }, run)
