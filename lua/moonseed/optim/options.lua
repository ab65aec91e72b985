--- The options of optimisers: what each may be.
local check = require "moonseed.check"

local M = {}

local function at_least_0(op, name, value)
  check.number(op, name, value)
  if not (value >= 0 and value < math.huge) then
    check.fail(op, "%s is %.14g, expected a finite number of at least 0",
               name, value)
  end
end

local function share(op, name, value)
  check.number(op, name, value)
  if not (value >= 0 and value < 1) then
    check.fail(op, "%s is %.14g, expected a number in [0, 1)", name, value)
  end
end

local function two_shares(op, name, value)
  if type(value) ~= "table" or #value ~= 2 then
    check.fail(op, "%s is two numbers, { %s1, %s2 }", name, name, name)
  end
  share(op, name .. "[1]", value[1])
  share(op, name .. "[2]", value[2])
end

local function at_least_1(op, name, value) check.count(op, name, value, 1) end

local function scale(op, name, value)
  if value == "dynamic" then return end
  if type(value) ~= "number" or not (value > 0 and value < math.huge) then
    check.fail(op, '%s is "dynamic" or a number above 0, not %s', name,
               tostring(value))
  end
end

local kinds = {
  lr = at_least_0, adam_lr = at_least_0, weight_decay = at_least_0,
  momentum = at_least_0, eps = at_least_0, max_norm = at_least_0,
  max_value = at_least_0, nesterov = check.boolean, centered = check.boolean,
  adam = check.boolean, alpha = share, betas = two_shares, steps = at_least_1,
  loss_scale = scale,
}

--- Raises unless `value` can be the option `name`.
---@param op string
---@param name string
---@param value any
function M.check(op, name, value) kinds[name](op, name, value) end

--- What all parameters of an optimiser have in common; no group sets it.
M.shared = { max_norm = 0, max_value = 0, groups = check.optional,
             loss_scale = check.optional }

return M
