-- See nn/cost.lua.
return require "moonseed.nn.cost"
