--- x + f(x), where f is zero at birth: what most blueprints make.
--
-- Only the last layer of f starts at zero, so that it learns from the first
-- step and those before it from the second (as the last norm's weight of a
-- residual block, Goyal et al. 2017). At birth f gives +0 everywhere, and x + 0
-- is x in every bit, save that -0 becomes 0.
local moon = require "moonseed"
local Module = require "moonseed.nn.module"
local Sequential = require "moonseed.nn.sequential"

local Residual = Module:extend("Residual")

--- Residual{ layer, ... }: f is these, one after another.
---@param layers table[] as nn.Sequential takes them; the last has parameters
function Residual:init(layers)
  self.branch = Sequential(layers)
  moon.no_grad(function()
    for _, p in layers[#layers]:parameters() do p:fill_(0) end
  end)
end

---@param x userdata
---@return userdata of the same shape
function Residual:forward(x) return x + self.branch(x) end

return Residual
