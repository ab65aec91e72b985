--- y = x.
local Module = require "moonseed.nn.module"

local Identity = Module:extend("Identity")

---@param x any
---@return any
function Identity.forward(_, x) return x end

return Identity
