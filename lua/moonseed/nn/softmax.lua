--- y = e^x over its sum along a dimension.
local check = require "moonseed.check"
local Module = require "moonseed.nn.module"

local Softmax = Module:extend("Softmax")

--- nn.Softmax{ dim = -1 }: the last.
---@param options table
function Softmax:init(options)
  local o = check.options("Softmax", options, { "dim" }, { dim = -1 })
  self.dim = check.number("Softmax", "dim", o.dim)
end

---@param x userdata any shape
---@return userdata
function Softmax:forward(x) return x:softmax(self.dim) end

return Softmax
