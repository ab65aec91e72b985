--- Squeeze and excitation (Hu et al. 2018): y = x gate for x [N, C, H, W], one
--- gate per image and channel, made of the means of all channels:
--- gate = 2 sigmoid(W2 relu(W1 mean + b1) + b2), twice the paper's, so that it
--- is 1 at birth, where W2 and b2 are zero.
local check = require "moonseed.check"
local moon = require "moonseed"
local nn = require "moonseed.nn"

local Attention = nn.Module:extend("Attention")

local LEAST = 8  -- hidden units: with few, all may be off for every image

--- Attention{ channels, reduction }
---@param options table
function Attention:init(options)
  local channels, reduction = options[1], options[2]
  local hidden = math.max(LEAST, math.floor(channels / reduction))
  self.squeeze = nn.Linear{ channels, hidden }
  self.excite = nn.Linear{ hidden, channels }
  moon.no_grad(function()
    for _, p in self.excite:parameters() do p:fill_(0) end
  end)
end

---@param x userdata [N, C, H, W]
---@return userdata of the same shape
function Attention:forward(x)
  local hidden = self.squeeze:forward_relu(x:global_avg_pool2d())
  local gate = self.excite(hidden):sigmoid() * 2
  return x * gate:reshape(x:size(1), x:size(2), 1, 1)
end

--- reduction: channels per hidden unit, which are 8 at least.
return {
  ranks = { 4 },
  options = { reduction = 16 },
  build = function(shape, o)
    check.count("blueprint attention", "reduction", o.reduction, 1)
    return Attention{ shape[2], o.reduction }
  end,
}
