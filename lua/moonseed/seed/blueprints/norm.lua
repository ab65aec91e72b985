--- y = x + norm(x) for x [N, C, H, W]: learns how much of the normalised
--- features each channel gets.
local norm = require "moonseed.seed.norm"
local Residual = require "moonseed.seed.residual"

return {
  ranks = { 4 },
  options = {},
  build = function(shape) return Residual{ norm(shape[2]) } end,
}
