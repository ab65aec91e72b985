--- A 3x3 convolution with ReLU, then a norm whose weight and bias start at
--- zero; added to x [N, C, H, W].
local nn = require "moonseed.nn"
local norm = require "moonseed.seed.norm"
local Residual = require "moonseed.seed.residual"

return {
  ranks = { 4 },
  options = {},
  build = function(shape)
    local n = shape[2]
    return Residual{
      nn.Conv2d{ n, n, kernel = 3, padding = 1 }, nn.ReLU{}, norm(n),
    }
  end,
}
