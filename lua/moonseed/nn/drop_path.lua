--- In training, zeroes all of an image's values with probability p and scales
--- the others' by 1 / (1 - p); in evaluation, the identity. As the last layer
--- of an nn.Residual it is stochastic depth (Huang et al. 2016).
local check = require "moonseed.check"
local moon = require "moonseed"
local Module = require "moonseed.nn.module"
local neural = require "moonseed.neural"

local DropPath = Module:extend("DropPath")

--- nn.DropPath{ p }
---@param options table
function DropPath:init(options)
  local o = check.options("DropPath", options, { "p" }, {})
  self.p = check.number("DropPath", "p", o.p)
  if not (self.p >= 0 and self.p < 1) then
    check.fail("DropPath", "p is in [0, 1), not %.14g", self.p)
  end
end

---@param x userdata [N, ...]
---@return userdata of the same shape
function DropPath:forward(x)
  if not self.training or self.p == 0 then return x end
  local shape = { x:size(1) }
  for i = 2, x:ndim() do shape[i] = 1 end
  local ones = moon.ones(shape, { dtype = x:dtype(), device = x:device() })
  return x * neural.dropout(ones, self.p)
end

return DropPath
