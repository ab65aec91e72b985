--- The mean of each channel: x [N, C, H, W] -> [N, C].
local Module = require "moonseed.nn.module"
local neural = require "moonseed.neural"

local GlobalAvgPool2d = Module:extend("GlobalAvgPool2d")

---@param x userdata [N, C, H, W]
---@return userdata
function GlobalAvgPool2d.forward(_, x)
  return neural.global_avg_pool2d(x)
end

return GlobalAvgPool2d
