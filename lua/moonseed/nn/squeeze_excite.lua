--- Squeeze and excitation (Hu et al. 2018): y = x gate for x [N, C, H, W], one
--- gate per image and channel, made of the means of all channels:
--- gate = scale sigmoid(W2 relu(W1 mean + b1) + b2).
local check = require "moonseed.check"
local Linear = require "moonseed.nn.linear"
local Module = require "moonseed.nn.module"

local SqueezeExcite = Module:extend("SqueezeExcite")

local known = { reduction = 16, hidden = check.optional, scale = 1 }

--- nn.SqueezeExcite{ channels, reduction = 16, hidden = channels / reduction,
---                   scale = 1 }
--- hidden: units between the two linear layers, at least one.
---@param options table
function SqueezeExcite:init(options)
  local op = "SqueezeExcite"
  local o = check.options(op, options, { "channels" }, known)
  local n = check.count(op, "channels", o.channels, 1)
  check.count(op, "reduction", o.reduction, 1)
  local hidden = o.hidden or math.max(1, math.floor(n / o.reduction))
  self.squeeze = Linear{ n, check.count(op, "hidden", hidden, 1) }
  self.excite = Linear{ hidden, n }
  self.scale = check.number(op, "scale", o.scale)
end

---@param x userdata [N, C, H, W]
---@return userdata of the same shape
function SqueezeExcite:forward(x)
  local hidden = self.squeeze:forward_relu(x:global_avg_pool2d())
  local gate = self.excite:forward(hidden):sigmoid()
  if self.scale ~= 1 then gate = gate * self.scale end
  return x * gate:reshape(x:size(1), x:size(2), 1, 1)
end

return SqueezeExcite
