--- x + f(x), where f is zero at birth: what most blueprints make.
local nn = require "moonseed.nn"

--- f is these, one after another.
---@param layers table[] as nn.Sequential takes them; the last has parameters
---@return table module
return function(layers)
  return nn.Residual{ zero = true, unpack(layers) }
end
