--- y = 1 / (1 + e^-x).
local Module = require "moonseed.nn.module"

local Sigmoid = Module:extend("Sigmoid")

---@param x userdata any shape
---@return userdata
function Sigmoid.forward(_, x) return x:sigmoid() end

return Sigmoid
