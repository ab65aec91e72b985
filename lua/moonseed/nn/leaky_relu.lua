--- y = x above 0, slope x below.
local check = require "moonseed.check"
local Module = require "moonseed.nn.module"

local LeakyReLU = Module:extend("LeakyReLU")

--- nn.LeakyReLU{ slope = 0.01 }
---@param options table
function LeakyReLU:init(options)
  local o = check.options("LeakyReLU", options, { "slope" }, { slope = 0.01 })
  self.slope = check.number("LeakyReLU", "slope", o.slope)
end

---@param x userdata any shape
---@return userdata
function LeakyReLU:forward(x) return x:leaky_relu(self.slope) end

return LeakyReLU
