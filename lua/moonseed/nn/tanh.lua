--- y = tanh(x), the hyperbolic tangent.
local Module = require "moonseed.nn.module"

local Tanh = Module:extend("Tanh")

---@param x userdata any shape
---@return userdata
function Tanh.forward(_, x) return x:tanh() end

return Tanh
