--- x [N, ...] -> [N, the rest].
local Module = require "moonseed.nn.module"

local Flatten = Module:extend("Flatten")

---@param x userdata [N, ...]
---@return userdata
function Flatten.forward(_, x) return x:reshape(x:size(1), -1) end

return Flatten
