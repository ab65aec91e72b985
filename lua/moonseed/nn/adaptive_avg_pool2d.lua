--- Means of windows that cover x, whatever its size: x [N, C, H, W]
--- -> [N, C, size].
local check = require "moonseed.check"
local Module = require "moonseed.nn.module"
local neural = require "moonseed.neural"

local AdaptiveAvgPool2d = Module:extend("AdaptiveAvgPool2d")

--- nn.AdaptiveAvgPool2d{ size }
--- size: a number, or { height, width }.
---@param options table
function AdaptiveAvgPool2d:init(options)
  local o = check.options("AdaptiveAvgPool2d", options, { "size" }, {})
  self.size = { check.pair("AdaptiveAvgPool2d", "size", o.size, 1) }
end

---@param x userdata [N, C, H, W]
---@return userdata
function AdaptiveAvgPool2d:forward(x)
  return neural.adaptive_avg_pool2d(x, self.size)
end

return AdaptiveAvgPool2d
