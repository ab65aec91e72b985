--- A separable convolution (Howard et al. 2017) for x [N, C, H, W]: 3x3 on
--- each channel by itself, ReLU, then 1x1 across channels, which starts at
--- zero; added to x.
local nn = require "moonseed.nn"
local Residual = require "moonseed.seed.residual"

return {
  ranks = { 4 },
  options = {},
  build = function(shape)
    local n = shape[2]
    return Residual{
      nn.Conv2d{ n, n, kernel = 3, padding = 1, groups = n }, nn.ReLU{},
      nn.Conv2d{ n, n, kernel = 1 },
    }
  end,
}
