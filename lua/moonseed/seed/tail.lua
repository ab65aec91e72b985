--- The host after a slot, frozen: what a seed may learn against before the host
--- notices it.
--
--   local tail = Tail.new(model, slot)
--   local logits = tail(s, x)     -- as if the slot had given s for x
--
-- It is a second set of modules over the same tensors: the host's parameters,
-- as they are at the time, are constants there, so that nothing flags them,
-- and no gradient reaches them; it is in evaluation, so that norm statistics
-- stay and dropout draws nothing. Seeds further on take part as they do in the
-- host. Works where the model can be cut at the slot: inside nn.Sequentials.

local check = require "moonseed.check"
local Module = require "moonseed.nn.module"
local Sequential = require "moonseed.nn.sequential"
local split = require "moonseed.seed.split"

local Tail = {}
Tail.__index = Tail

local twin_of

-- A seed whose module and gate are twins; what else it has is the seed's own.
local function twin_seed(seed, twins)
  local twin = setmetatable({ module = twin_of(seed.module, twins),
                              gate = seed.gate and twin_of(seed.gate, twins) },
                            { __index = seed })
  function twin.alpha_on_device(_, x) return seed:alpha_on_device(x) end
  function twin.fail(_, why) error(why, 0) end
  return twin
end

local function twin_slot(slot, twin, twins)
  local blended = {}
  for i, seed in ipairs(slot.blended) do blended[i] = twin_seed(seed, twins) end
  rawset(twin, "blended", blended)
  rawset(twin, "watched", false)
  twins.slots[slot] = slot.blended
end

-- The same class and fields; parameters are detached, children are twins.
function twin_of(module, twins)
  if twins[module] then return twins[module] end
  local twin = {}
  twins[module] = setmetatable(twin, getmetatable(module))
  for name, value in next, module do rawset(twin, name, value) end
  local kinds, values = {}, {}
  for name, kind in pairs(module._kind) do
    local value = module._value[name]
    if kind == "child" then
      value = twin_of(value, twins)
    elseif kind == "parameter" then
      kind, value = "buffer", value:detach():keep()
    end
    kinds[name], values[name] = kind, value
  end
  rawset(twin, "_kind", kinds)
  rawset(twin, "_value", values)
  rawset(twin, "training", false)
  rawset(twin, "planned", nil)  -- a Sequential's steps
  if rawget(module, "blended") then twin_slot(module, twin, twins) end
  return twin
end

-- Whether nothing but Sequentials are around the slot.
local function can_be_cut(module, slot)
  while module ~= slot do
    if module.forward ~= Sequential.forward then return false end
    local next_one
    for _, child in module:children() do
      if child == slot then next_one = child end
      for _, below in child:modules() do
        if below == slot then next_one = child end
      end
    end
    module = next_one
  end
  return true
end

---@param model table
---@param slot table  in it
---@return table
function Tail.new(model, slot)
  if not can_be_cut(model, slot) then
    check.fail("incubation", "tail: the model is not cut at slot %s, which is "
               .. "in a module that is no nn.Sequential", slot.name)
  end
  return setmetatable({ model = model, slot = slot }, Tail)
end

-- Whether the twins are those of the model as it is now.
local function is_current(self)
  if self.generation ~= Module.generation() then return false end
  for slot, blended in pairs(self.slots) do
    if slot.blended ~= blended then return false end
  end
  return true
end

local function renew(self)
  local twins = { slots = {} }
  local model = twin_of(self.model, twins)
  local own, branch = twins[self.slot], self.slot.host
  rawset(own, "forward", function(_, x)
    local s = self.given
    return branch and own.host:forward(x) + (s - x) or s
  end)
  local _
  _, self.suffix = split.at(model, { own })
  self.slots, self.generation = twins.slots, Module.generation()
end

--- The host's output if the slot's seed alone gave its features.
---@param s userdata  what the seed makes of x
---@param x userdata  the slot's input
---@return userdata
function Tail:__call(s, x)
  if not is_current(self) then renew(self) end
  self.given = s
  local y = self.suffix(x)
  self.given = nil
  return y
end

return Tail
