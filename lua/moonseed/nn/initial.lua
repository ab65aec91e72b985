--- First values of weights, those of PyTorch's layers.
local moon = require "moonseed"

local M = {}

--- A parameter uniform in +-1 / sqrt(fan_in): He et al. 2015 with a = sqrt(5),
--- as PyTorch's Conv and Linear have it, for weights and biases.
---@param fan_in integer inputs that each output sums over
---@param ... integer the shape
---@return userdata tensor a leaf that requires its gradient
function M.uniform(fan_in, ...)
  local bound = 1 / math.sqrt(fan_in)
  return (moon.rand(...) * (2 * bound) - bound):requires_grad()
end

--- A parameter uniform in +-sqrt(6 / (fan_in + fan_out)): Glorot and Bengio
--- 2010, as PyTorch's attention has it.
---@param fan_in integer inputs that each output sums over
---@param fan_out integer outputs that each input goes to
---@param ... integer the shape
---@return userdata tensor a leaf that requires its gradient
function M.glorot(fan_in, fan_out, ...)
  local bound = math.sqrt(6 / (fan_in + fan_out))
  return (moon.rand(...) * (2 * bound) - bound):requires_grad()
end

return M
