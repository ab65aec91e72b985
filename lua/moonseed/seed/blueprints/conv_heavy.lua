--- The basic residual block (He et al. 2016) for x [N, C, H, W]: 3x3, norm,
--- ReLU, 3x3, norm; added to x. The last norm's weight and bias start at zero
--- (Goyal et al. 2017).
local nn = require "moonseed.nn"
local norm = require "moonseed.seed.norm"
local Residual = require "moonseed.seed.residual"

local function conv(n)
  return nn.Conv2d{ n, n, kernel = 3, padding = 1, bias = false }
end

return {
  ranks = { 4 },
  options = {},
  build = function(shape)
    local n = shape[2]
    return Residual{ conv(n), norm(n), nn.ReLU{}, conv(n), norm(n) }
  end,
}
