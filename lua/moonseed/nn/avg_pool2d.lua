--- The mean of each window: x [N, C, H, W] -> [N, C, oH, oW].
local Module = require "moonseed.nn.module"
local neural = require "moonseed.neural"

local AvgPool2d = Module:extend("AvgPool2d")

--- nn.AvgPool2d{ kernel, stride = kernel, padding = 0, ceil_mode = false,
---               count_padding = true }
--- kernel, stride, padding: a number, or { height, width }. ceil_mode: the last
--- window may reach beyond the padding. count_padding: padding counts as zeros.
---@param options table
function AvgPool2d:init(options)
  self.params = neural.avg_pool2d_params(options)
end

---@param x userdata [N, C, H, W]
---@return userdata
function AvgPool2d:forward(x) return neural.avg_pool2d(x, self.params) end

return AvgPool2d
