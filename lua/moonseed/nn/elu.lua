--- y = x above 0, alpha (e^x - 1) below: Clevert et al. 2016.
local check = require "moonseed.check"
local Module = require "moonseed.nn.module"

local ELU = Module:extend("ELU")

--- nn.ELU{ alpha = 1 }
---@param options table
function ELU:init(options)
  local o = check.options("ELU", options, { "alpha" }, { alpha = 1 })
  self.alpha = check.number("ELU", "alpha", o.alpha)
end

---@param x userdata any shape
---@return userdata
function ELU:forward(x) return x:elu(self.alpha) end

return ELU
