--- Two linear layers with ReLU between, the second of which starts at zero;
--- added to x [N, features]. For x [N, C, H, W] the same at every place, by 1x1
--- convolutions.
local check = require "moonseed.check"
local nn = require "moonseed.nn"
local Residual = require "moonseed.seed.residual"

local function layer(shape, n_in, n_out)
  if #shape == 2 then return nn.Linear{ n_in, n_out } end
  return nn.Conv2d{ n_in, n_out, kernel = 1 }
end

--- ratio: hidden units per feature.
return {
  ranks = { 2, 4 },
  options = { ratio = 2 },
  build = function(shape, o)
    local n = shape[2]
    local hidden = n * check.count("blueprint mlp", "ratio", o.ratio, 1)
    return Residual{
      layer(shape, n, hidden), nn.ReLU{}, layer(shape, hidden, n),
    }
  end,
}
