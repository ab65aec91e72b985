--- In training, zeroes each value with probability p and scales the others by
--- 1 / (1 - p); in evaluation, the identity.
local check = require "moonseed.check"
local Module = require "moonseed.nn.module"
local neural = require "moonseed.neural"

local Dropout = Module:extend("Dropout")

--- nn.Dropout{ p }
---@param options table
function Dropout:init(options)
  local o = check.options("Dropout", options, { "p" }, { p = 0.5 })
  self.p = check.number("Dropout", "p", o.p)
  if not (self.p >= 0 and self.p < 1) then
    check.fail("Dropout", "p is in [0, 1), not %.14g", self.p)
  end
end

---@param x userdata any shape
---@return userdata
function Dropout:forward(x)
  if not self.training or self.p == 0 then return x end
  return neural.dropout(x, self.p)
end

return Dropout
