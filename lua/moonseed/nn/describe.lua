--- A module as a plain table from which it can be made again, without its
--- tensors: { class = "Conv2d", options = { 1, 32, kernel = 3 } }.
--
-- Known are the classes of moon.nn (and seed.Slot), which keep the options they
-- were made with; a class that holds modules has methods `describe(describe)`,
-- giving its options with descriptions for modules, and a function
-- `rebuild(options, rebuild)` that gives them back as the class takes them.
-- Classes of your own are known once they are in `describe.classes`, by name.
local check = require "moonseed.check"
local nn = require "moonseed.nn"
local Module = require "moonseed.nn.module"

local M = { classes = {} }

local function class_named(name)
  local own = M.classes[name]
  if own then return own end
  local found = nn[name]
  if found == nil and name == "Slot" then
    found = require("moonseed").seed.Slot
  end
  return found
end

local plain = { number = true, string = true, boolean = true }

local function copy_plain(class, value)
  if plain[type(value)] then return value end
  if type(value) ~= "table" or Module.is(value) then
    check.fail("describe", "an option of %s is a %s; only plain values can be "
               .. "written down", class, Module.is(value) and "module"
               or type(value))
  end
  local copy = {}
  for key, entry in pairs(value) do copy[key] = copy_plain(class, entry) end
  return copy
end

--- The description of a module; raises for what cannot be made again from one.
---@param module table
---@return table
function M.describe(module)
  local class = getmetatable(module)
  local name = class.class_name
  if class_named(name) ~= class then
    check.fail("describe", "class %s is not of moon.nn; put it into "
               .. "describe.classes, or say how the model is built", name)
  end
  local options = class.describe and class.describe(module, M.describe)
    or module._options
  return { class = name, options = copy_plain(name, options) }
end

--- A new module from its description.
---@param description table
---@return table module
function M.rebuild(description)
  check.table("rebuild", "the description", description)
  local class = class_named(description.class)
  if not class then
    check.fail("rebuild", "there is no class '%s'",
               tostring(description.class))
  end
  local options = description.options
  if class.rebuild then options = class.rebuild(options, M.rebuild) end
  return class(options)
end

return M
