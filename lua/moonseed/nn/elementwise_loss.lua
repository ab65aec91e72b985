--- What losses of an input and a target of one shape share: their checks, and
-- what becomes of the losses of all elements.

local autocast = require "moonseed.autocast"
local check = require "moonseed.check"
local loss = require "moonseed.loss"
local tensor = require "moonseed.tensor"

local M = {}

--- The options of a loss, `reduction` with them, and input and target as it
--- takes them. Raises unless these are tensors of one shape and dtype.
---@param op string
---@param input any
---@param target any
---@param options table|nil
---@param known table<string, any>  their defaults, beside reduction's
---@return table options
---@return userdata input
---@return userdata target
function M.read(op, input, target, options, known)
  tensor.pointer(op, "the input", input)
  tensor.pointer(op, "the target", target)
  local a, b = tensor.shape_text(input), tensor.shape_text(target)
  if a ~= b then check.fail(op, "the input is %s, the target %s", a, b) end
  input, target = autocast.lifted(input), autocast.lifted(target)
  a, b = input:dtype(), target:dtype()
  if a ~= b then
    check.fail(op, "the input is %s, the target %s; cast one", a, b)
  end
  local all = { reduction = "mean" }
  for name, default in pairs(known) do all[name] = default end
  return check.options(op, options, {}, all), input, target
end

--- The mean, the sum, or the losses as they are; or another reduction.
---@param op string
---@param losses userdata
---@param reduction string
---@return userdata
function M.reduce(op, losses, reduction)
  loss.reduction(op, reduction)
  if reduction == "none" then return losses end
  return reduction == "sum" and losses:sum() or losses:mean()
end

--- Huber's function of the differences d: d^2 / 2 up to delta, and
--- delta (|d| - delta / 2) beyond. With a = |d| and c = min(a, delta) that is
--- c (a - c / 2).
---@param input userdata
---@param target userdata
---@param delta number  above 0
---@return userdata
function M.huber(input, target, delta)
  local far = (input - target):abs()
  local near = far:clamp(nil, delta)
  return near * (far - near * 0.5)
end

return M
