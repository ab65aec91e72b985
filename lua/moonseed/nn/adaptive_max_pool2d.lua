--- The largest of windows that cover x, whatever its size: x [N, C, H, W]
--- -> [N, C, size].
local check = require "moonseed.check"
local Module = require "moonseed.nn.module"
local neural = require "moonseed.neural"

local AdaptiveMaxPool2d = Module:extend("AdaptiveMaxPool2d")

--- nn.AdaptiveMaxPool2d{ size }
--- size: a number, or { height, width }.
---@param options table
function AdaptiveMaxPool2d:init(options)
  local o = check.options("AdaptiveMaxPool2d", options, { "size" }, {})
  self.size = { check.pair("AdaptiveMaxPool2d", "size", o.size, 1) }
end

---@param x userdata [N, C, H, W]
---@return userdata
function AdaptiveMaxPool2d:forward(x)
  return neural.adaptive_max_pool2d(x, self.size)
end

return AdaptiveMaxPool2d
