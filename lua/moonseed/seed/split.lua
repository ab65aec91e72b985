--- Cuts a model's forward in two, so that what comes before the first slot is
--- computed once for many passes that differ only in their seeds:
---
---   local prefix, suffix = split.at(model, slots)
---   local h = prefix(x)
---   ... suffix(h) ...          -- the ops of model(x), in the same order
---
--- A model is cut where it is an nn.Sequential, and inside a Sequential in it
--- (and so on). Anything else may compute what it likes around a slot, and is
--- never cut: its prefix is the identity.
local check = require "moonseed.check"
local Sequential = require "moonseed.nn.sequential"

local M = {}

local function contains(module, slots)
  if slots[module] then return true end
  for _, child in module:modules() do
    if slots[child] then return true end
  end
  return false
end

-- Where the first slot is: { steps, at } of each Sequential from the model
-- inwards; `at` is the step that holds the slot; and the innermost module that
-- does. By the forward itself, so that a subclass with its own is left alone.
local function find_cut(module, slots)
  local cut = {}
  while module.forward == Sequential.forward and not slots[module] do
    local steps, at = module:plan(), 1
    while not contains(steps[at].module, slots) do at = at + 1 end
    cut[#cut + 1] = { steps = steps, at = at }
    module = steps[at].module
  end
  return cut, module
end

local function identity(x) return x end

local function count_before(cut)
  local n = 0
  for _, level in ipairs(cut) do n = n + level.at - 1 end
  return n
end

--- Functions that together compute model(x). They are those of the model as it
--- is now: a module that is replaced later is not followed.
---@param model table an nn.Module
---@param slots table[] modules in it
---@return fun(x: userdata): userdata prefix
---@return fun(h: userdata): userdata suffix
---@return integer n how many steps of Sequentials the prefix is; 0: it is the
---                  identity, and the suffix the whole model
---@return table|nil at  the module that the suffix begins in: a slot itself, if
---                      nothing is around it that cannot be cut
function M.at(model, slots)
  local wanted = {}
  for i, slot in ipairs(slots) do
    if not contains(model, { [slot] = true }) then
      check.fail("split", "slot %d of %d (%s) is not in the model", i, #slots,
                 tostring(slot.name))
    end
    wanted[slot] = true
  end
  local function whole(x) return model:forward(x) end
  if #slots == 0 then return identity, whole, 0 end
  local cut, at = find_cut(model, wanted)
  local n = count_before(cut)
  if n == 0 then return identity, whole, 0, at end
  local function prefix(x)
    for _, level in ipairs(cut) do
      x = Sequential.run(level.steps, x, 1, level.at - 1)
    end
    return x
  end
  local function suffix(h)
    for i = #cut, 1, -1 do
      local level = cut[i]
      local first = i == #cut and level.at or level.at + 1
      h = Sequential.run(level.steps, h, first, #level.steps)
    end
    return h
  end
  return prefix, suffix, n, at
end

return M
