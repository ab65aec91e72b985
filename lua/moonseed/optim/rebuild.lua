local check = require "moonseed.check"
local optim = require "moonseed.optim"
local Optimiser = require "moonseed.optim.optimiser"

--- Another optimiser from what `describe` gave, or from such a table of your
--- own: optim.rebuild({ "SGD", lr = 0.1 }, model).
---@param description table
---@param model table  a module, or a list of tensors
---@return Optimiser
return function(description, model)
  check.table("rebuild", "the description", description)
  local name = description[1]
  local class = type(name) == "string" and optim[name]
  local meta = type(class) == "table" and getmetatable(class)
  if not meta or meta.__index ~= Optimiser then
    check.fail("rebuild", "there is no optimiser '%s'", tostring(name))
  end
  local options = {}
  for key, value in pairs(description) do options[key] = value end
  options[1] = model
  return class(options)
end
