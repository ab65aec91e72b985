--- The norm inside seeds: group norm (Wu and He 2018), y = (x - mean) /
-- sqrt(var + eps) * weight + bias, with mean and variance of each image over
-- groups of 16 channels and all places; x [N, C, H, W], weight and bias [C].
--
-- Without running statistics, on purpose: a seed is judged in evaluation after
-- a few steps of incubation, when running statistics would still be those of
-- its birth; host features drift under it while it blends; and an image's
-- output does not depend on what else is in the batch, so that contributions
-- measured on other batch sizes are the same. Where a group is one value (one
-- channel, one place) the normalised value is 0 and only the bias learns.
local check = require "moonseed.check"
local moon = require "moonseed"
local Module = require "moonseed.nn.module"

local Norm = Module:extend("Norm")

local EPS = 1e-5
local GROUP = 16  -- channels

-- The most groups of at least GROUP channels that C divides into; else 1.
local function count_groups(channels)
  local groups = math.max(1, math.floor(channels / GROUP))
  while channels % groups ~= 0 do groups = groups - 1 end
  return groups
end

--- Norm{ channels }
---@param options table
function Norm:init(options)
  local o = check.options("Norm", options, { "channels" }, {})
  local n = check.count("Norm", "channels", o.channels, 1)
  self.groups = count_groups(n)
  self.weight = moon.ones(n):requires_grad()
  self.bias = moon.zeros(n):requires_grad()
end

---@param x userdata [N, C, H, W]
---@return userdata of the same shape
function Norm:forward(x)
  local shape = x:shape()
  local groups = x:reshape(shape[1], self.groups, -1)
  local centred = groups - groups:mean(3, { keepdim = true })
  local var = (centred * centred):mean(3, { keepdim = true })
  local y = (centred / (var + EPS):sqrt()):reshape(shape)
  return y * self.weight:reshape(1, -1, 1, 1) + self.bias:reshape(1, -1, 1, 1)
end

return Norm
