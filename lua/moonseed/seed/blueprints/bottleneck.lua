--- A residual bottleneck (He et al. 2016) for x [N, C, H, W]: 1x1 to fewer
--- channels, 3x3 there, 1x1 back, with ReLU between; the last starts at zero.
local check = require "moonseed.check"
local nn = require "moonseed.nn"
local Residual = require "moonseed.seed.residual"

local LEAST = 4  -- channels inside: with one, a dead ReLU would be the end

--- reduction: channels per channel inside, which are 4 at least.
return {
  ranks = { 4 },
  options = { reduction = 4 },
  build = function(shape, o)
    check.count("blueprint bottleneck", "reduction", o.reduction, 1)
    local n = shape[2]
    local inside = math.max(LEAST, math.floor(n / o.reduction))
    return Residual{
      nn.Conv2d{ n, inside, kernel = 1 }, nn.ReLU{},
      nn.Conv2d{ inside, inside, kernel = 3, padding = 1 }, nn.ReLU{},
      nn.Conv2d{ inside, n, kernel = 1 },
    }
  end,
}
