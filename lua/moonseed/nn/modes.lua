--- The modes, training or evaluation, of a module and all below it: to be put
--- back after something that needs others.

local recorded = require "moonseed.recorded"

local M = {}

--- The modes as they are.
---@param module table
---@return table[]  { module, training } each
function M.save(module)
  local modes = { { module, module.training } }
  for _, child in module:modules() do
    modes[#modes + 1] = { child, child.training }
  end
  return modes
end

--- Puts modes back.
---@param modes table[]  as `save` gave them
function M.load(modes)
  recorded.changed()
  for _, entry in ipairs(modes) do rawset(entry[1], "training", entry[2]) end
end

return M
