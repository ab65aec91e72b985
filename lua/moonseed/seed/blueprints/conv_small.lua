--- One 3x3 convolution that starts at zero, added to x [N, C, H, W]. Linear in
--- x: where the host goes on linearly it can be folded into it.
local nn = require "moonseed.nn"
local Residual = require "moonseed.seed.residual"

return {
  ranks = { 4 },
  options = {},
  build = function(shape)
    local n = shape[2]
    return Residual{ nn.Conv2d{ n, n, kernel = 3, padding = 1 } }
  end,
}
