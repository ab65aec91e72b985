--- Normalises each image's channels in groups to mean 0 and variance 1, then
--- scales by weight [C] and shifts by bias [C] (Wu and He 2018). It knows no
--- batch: training and evaluation are the same.
local check = require "moonseed.check"
local moon = require "moonseed"
local Module = require "moonseed.nn.module"
local neural = require "moonseed.neural"

local GroupNorm = Module:extend("GroupNorm")

--- nn.GroupNorm{ groups, channels, eps = 1e-5, affine = true }
---@param options table
function GroupNorm:init(options)
  local o = check.options("GroupNorm", options, { "groups", "channels" },
                          { eps = 1e-5, affine = true })
  local n = check.count("GroupNorm", "channels", o.channels, 1)
  self.groups = check.count("GroupNorm", "groups", o.groups, 1)
  if n % self.groups ~= 0 then
    check.fail("GroupNorm", "%d groups do not divide %d channels",
               self.groups, n)
  end
  self.norm_options = { eps = check.number("GroupNorm", "eps", o.eps) }
  if check.boolean("GroupNorm", "affine", o.affine) then
    self.weight = moon.ones(n):requires_grad()
    self.bias = moon.zeros(n):requires_grad()
  end
end

---@param x userdata [N, C, ...]
---@return userdata
function GroupNorm:forward(x)
  return neural.group_norm(x, self.groups, self.weight, self.bias,
                           self.norm_options)
end

return GroupNorm
