--- Normalises each run of the last dimensions to mean 0 and variance 1, then
--- scales by weight and shifts by bias (Ba et al. 2016).
local check = require "moonseed.check"
local moon = require "moonseed"
local Module = require "moonseed.nn.module"
local neural = require "moonseed.neural"

local LayerNorm = Module:extend("LayerNorm")

--- nn.LayerNorm{ shape, eps = 1e-5, affine = true }
--- shape: of the dimensions that are normalised, a number or a list.
---@param options table
function LayerNorm:init(options)
  local o = check.options("LayerNorm", options, { "shape" },
                          { eps = 1e-5, affine = true })
  local shape = type(o.shape) == "number" and { o.shape } or o.shape
  check.table("LayerNorm", "shape", shape)
  if #shape == 0 then check.fail("LayerNorm", "the shape has no dimensions") end
  for i = 1, #shape do
    check.count("LayerNorm", "extent " .. i, shape[i], 1)
  end
  self.shape = { unpack(shape) }
  self.norm_options = { eps = check.number("LayerNorm", "eps", o.eps) }
  if check.boolean("LayerNorm", "affine", o.affine) then
    self.weight = moon.ones(self.shape):requires_grad()
    self.bias = moon.zeros(self.shape):requires_grad()
  end
end

---@param x userdata [..., shape]
---@return userdata
function LayerNorm:forward(x)
  return neural.layer_norm(x, self.shape, self.weight, self.bias,
                           self.norm_options)
end

return LayerNorm
