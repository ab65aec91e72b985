--- A layer whose weight is w = magnitude direction / |direction|, one norm per
--- output channel (Salimans and Kingma 2016). Both are learnt in w's place; at
--- birth w is the layer's own.
local check = require "moonseed.check"
local moon = require "moonseed"
local Module = require "moonseed.nn.module"

local WeightNorm = Module:extend("WeightNorm")

-- |t| of each slice along a dimension, of which the others stay with extent 1.
local function norm_along(t, dim)
  local others = { keepdim = true }
  for i = 1, t:ndim() do
    if i ~= dim then others[#others + 1] = i end
  end
  return #others > 0 and t:norm(others) or t:abs()
end

--- nn.WeightNorm{ layer, dim = 1 }
--- layer: a module with a parameter `weight`, which it loses. dim: of the
--- weight [outputs, ...], the one whose slices have a norm each.
---@param options table
function WeightNorm:init(options)
  local o = check.options("WeightNorm", options, { "layer" }, { dim = 1 })
  local layer = o.layer
  local w = Module.is(layer) and layer._kind.weight == "parameter"
    and layer.weight
  if not w then
    check.fail("WeightNorm", "layer is a module with a parameter 'weight', not "
               .. "%s", Module.is(layer) and layer.class_name or type(layer))
  end
  self.dim = check.dim("WeightNorm", o.dim, w:ndim()) + 1
  layer.weight = nil
  self.layer = layer
  moon.no_grad(function()
    self.magnitude = norm_along(w, self.dim):detach():requires_grad()
    self.direction = w:detach():clone():requires_grad()
  end)
end

--- See describe.lua.
---@param describe function
---@return table
function WeightNorm:describe(describe)
  return { describe(self.layer), dim = self.dim }
end

--- See describe.lua.
---@param options table
---@param rebuild function
---@return table
function WeightNorm.rebuild(options, rebuild)
  return { rebuild(options[1]), dim = options.dim }
end

--- The layer's weight as it is now.
---@return userdata
function WeightNorm:weight()
  local v = self.direction
  return v * (self.magnitude / norm_along(v, self.dim))
end

-- The layer is asked with the weight in a table of its own in front of it, so
-- that a forward changes nothing in it and two may run at once.
---@param ... any what the layer takes
---@return any ... what it gives
function WeightNorm:forward(...)
  local layer = self.layer
  local view = setmetatable({ weight = self:weight() }, { __index = layer })
  return layer.forward(view, ...)
end

return WeightNorm
