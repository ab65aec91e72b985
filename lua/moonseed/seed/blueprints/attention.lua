--- Squeeze and excitation (nn.SqueezeExcite) with twice the paper's gate, which
--- is so 1 at birth, where the second layer is zero. For x [N, C, H, W].
local check = require "moonseed.check"
local moon = require "moonseed"
local nn = require "moonseed.nn"

local LEAST = 8  -- hidden units: with few, all may be off for every image

--- reduction: channels per hidden unit, which are 8 at least.
return {
  ranks = { 4 },
  options = { reduction = 16 },
  build = function(shape, o)
    local n = shape[2]
    check.count("blueprint attention", "reduction", o.reduction, 1)
    local gate = nn.SqueezeExcite{
      n, hidden = math.max(LEAST, math.floor(n / o.reduction)), scale = 2,
    }
    moon.no_grad(function()
      for _, p in gate.excite:parameters() do p:fill_(0) end
    end)
    return gate
  end,
}
