--- y = x P(X <= x) of the normal distribution: Hendrycks and Gimpel 2016.
local check = require "moonseed.check"
local Module = require "moonseed.nn.module"

local GELU = Module:extend("GELU")

--- nn.GELU{ approximate = "none" }: "tanh" for their formula with a tanh.
---@param options table
function GELU:init(options)
  local o = check.options("GELU", options, {}, { approximate = "none" })
  if o.approximate ~= "none" and o.approximate ~= "tanh" then
    check.fail("GELU", "no approximation '%s' (none, tanh)",
               tostring(o.approximate))
  end
  self.options = { approximate = o.approximate }
end

---@param x userdata any shape
---@return userdata
function GELU:forward(x) return x:gelu(self.options) end

return GELU
