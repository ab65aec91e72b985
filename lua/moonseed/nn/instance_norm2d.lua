--- Normalises each channel of each image by itself (Ulyanov et al. 2016). It
--- knows no batch: training and evaluation are the same.
local check = require "moonseed.check"
local moon = require "moonseed"
local Module = require "moonseed.nn.module"
local neural = require "moonseed.neural"

local InstanceNorm2d = Module:extend("InstanceNorm2d")

--- nn.InstanceNorm2d{ channels, eps = 1e-5, affine = false }
---@param options table
function InstanceNorm2d:init(options)
  local o = check.options("InstanceNorm2d", options, { "channels" },
                          { eps = 1e-5, affine = false })
  self.channels = check.count("InstanceNorm2d", "channels", o.channels, 1)
  self.norm_options = { eps = check.number("InstanceNorm2d", "eps", o.eps) }
  if check.boolean("InstanceNorm2d", "affine", o.affine) then
    self.weight = moon.ones(self.channels):requires_grad()
    self.bias = moon.zeros(self.channels):requires_grad()
  end
end

---@param x userdata [N, C, H, W]
---@return userdata
function InstanceNorm2d:forward(x)
  local shape = x:shape()
  if #shape ~= 4 or shape[2] ~= self.channels then
    check.fail("InstanceNorm2d", "x is %s, Nx%dxHxW needed",
               table.concat(shape, "x"), self.channels)
  end
  return neural.instance_norm(x, self.weight, self.bias, self.norm_options)
end

return InstanceNorm2d
