--- y = log(1 + e^(beta x)) / beta; x where beta x is above the threshold.
local check = require "moonseed.check"
local Module = require "moonseed.nn.module"

local Softplus = Module:extend("Softplus")

--- nn.Softplus{ beta = 1, threshold = 20 }
---@param options table
function Softplus:init(options)
  local o = check.options("Softplus", options, {},
                          { beta = 1, threshold = 20 })
  check.number("Softplus", "threshold", o.threshold)
  if check.number("Softplus", "beta", o.beta) == 0 then
    check.fail("Softplus", "beta is 0")
  end
  self.options = { beta = o.beta, threshold = o.threshold }
end

---@param x userdata any shape
---@return userdata
function Softplus:forward(x) return x:softplus(self.options) end

return Softplus
