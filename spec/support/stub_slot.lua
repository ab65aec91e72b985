-- A slot for specs of what only needs its interface: y = x + s_i(x) / 2 for
-- each living seed in order, unless it is in `disabled`.

local Module = require "moonseed.nn.module"

local Slot = Module:extend("StubSlot")

local living = { BLENDING = true, HOLDING = true, FOSSILIZED = true }

function Slot:init(options)
  self.name, self.list = options[1], {}
end

--- Adds a seed.
---@param module table an nn.Module
---@param stage string
---@return table self
function Slot:plant(module, stage)
  local index = #self.list + 1
  self.list[index] = { index = index, module = module,
                       stage = function() return stage end }
  return self:add("seed" .. index, module)
end

---@return table[] seeds
function Slot:seeds() return self.list end

---@param x userdata
---@return userdata
function Slot:forward(x)
  for i, seed in ipairs(self.list) do
    if living[seed:stage()] and not (self.disabled and self.disabled[i]) then
      x = x + seed.module:forward(x) * 0.5
    end
  end
  return x
end

return Slot
