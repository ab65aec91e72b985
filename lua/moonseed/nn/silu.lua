--- y = x / (1 + e^-x), also called swish.
local Module = require "moonseed.nn.module"

local SiLU = Module:extend("SiLU")

---@param x userdata any shape
---@return userdata
function SiLU.forward(_, x) return x:silu() end

return SiLU
