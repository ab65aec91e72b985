--- y = max(x, 0). After a Conv2d or Linear, Sequential computes it with them.
local Module = require "moonseed.nn.module"

local ReLU = Module:extend("ReLU")

---@param x userdata any shape
---@return userdata
function ReLU.forward(_, x) return x:relu() end

return ReLU
