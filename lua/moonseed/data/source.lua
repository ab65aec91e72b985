--- What the examples of a data set come from. A source has
--
--   n                how many rows
--   labelled         whether they have targets
--   on_host          whether it wants to be told rows in Lua (rows.lua)
--   shape            of an example, as text; nil where that is not known yet
--   raw(pick)        x and y of these rows, images as they are kept
--   read(pick, vary) the same, images in f32, varied (images.lua)
--   targets(pick)    y alone
--   check(params)    raises where it is known that images cannot be varied so
--
-- Parts of a data set share its source. Only `raw` need be defined; it may
-- wait.
local images = require "moonseed.data.images"

local M = {}

--- A class of sources with the methods that follow from `raw`.
---@return table
function M.class()
  local class = {}
  class.__index = class

  function class:read(pick, vary)
    local x, y = self:raw(pick)
    return images.finish(x, vary), y
  end

  function class:targets(pick) return (select(2, self:raw(pick))) end

  function class.check() end

  return class
end

return M
