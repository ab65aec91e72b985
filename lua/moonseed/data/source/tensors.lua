--- Rows of tensors that are there. Images in u8 stay u8, a quarter of the
--- memory, and become f32 in [0, 1] whenever they are handed out.
local images = require "moonseed.data.images"
local rows = require "moonseed.data.rows"
local source = require "moonseed.data.source"

local Tensors = source.class()

--- x [N, ...] and, if there are targets, y [N, ...].
---@param x userdata
---@param y userdata|nil
---@return table source
function Tensors.new(x, y)
  local shape = x:shape()
  return setmetatable({ x = x, y = y, n = shape[1], labelled = y ~= nil,
                        shape = table.concat(shape, "x", 2) }, Tensors)
end

--- The examples of these rows, as they are kept.
---@param pick table
---@return userdata x
---@return userdata? y
function Tensors:raw(pick)
  return self.x:index_select(1, rows.beside(pick, self.x)), self:targets(pick)
end

--- The same, images in f32, varied while they are picked.
---@param pick table
---@param vary? table  see images.lua
---@return userdata x
---@return userdata? y
function Tensors:read(pick, vary)
  return images.pick(self.x, rows.beside(pick, self.x), vary),
    self:targets(pick)
end

--- Their targets alone.
---@param pick table
---@return userdata?
function Tensors:targets(pick)
  return self.y and self.y:index_select(1, rows.beside(pick, self.y))
end

--- Raises unless x are images, where images are to be varied.
---@param params userdata moon_batch_params
function Tensors:check(params) images.check(self.x, params) end

return Tensors
