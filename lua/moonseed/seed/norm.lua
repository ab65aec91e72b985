--- The norm inside seeds: group norm over groups of 16 channels.
--
-- Without running statistics, on purpose: a seed is judged in evaluation after
-- a few steps of incubation, when running statistics would still be those of
-- its birth; host features drift under it while it blends; and an image's
-- output does not depend on what else is in the batch, so that contributions
-- measured on other batch sizes are the same. Where a group is one value (one
-- channel, one place) the normalised value is 0 and only the bias learns.
local nn = require "moonseed.nn"

local GROUP = 16  -- channels

-- The most groups of at least GROUP channels that C divides into; else 1.
local function count_groups(channels)
  local groups = math.max(1, math.floor(channels / GROUP))
  while channels % groups ~= 0 do groups = groups - 1 end
  return groups
end

--- A norm for x [N, channels, H, W].
---@param channels integer
---@return table module
return function(channels)
  return nn.GroupNorm{ count_groups(channels), channels }
end
