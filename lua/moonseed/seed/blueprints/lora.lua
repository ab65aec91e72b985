--- A low-rank linear update (Hu et al. 2021) for x [N, features]:
--- y = x + x A^T B^T, A [rank, features], B [features, rank]; B starts at zero.
local check = require "moonseed.check"
local nn = require "moonseed.nn"
local Residual = require "moonseed.seed.residual"

--- rank: at most the number of features.
return {
  ranks = { 2 },
  options = { rank = 4 },
  build = function(shape, o)
    local n = shape[2]
    local rank = check.count("blueprint lora", "rank", o.rank, 1)
    rank = math.min(rank, n)
    return Residual{
      nn.Linear{ n, rank, bias = false }, nn.Linear{ rank, n, bias = false },
    }
  end,
}
