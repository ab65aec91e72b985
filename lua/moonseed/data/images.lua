--- Images as batches have them: f32, channels-last, varied as the epoch says.
local check = require "moonseed.check"
local core = require "moonseed.ffi"
local moon = require "moonseed"
local tensor = require "moonseed.tensor"
local C, ffi = core.C, core.ffi

local M = {}

--- Whether x is images as moon_batch_images takes them.
---@param x userdata a tensor
---@return boolean
function M.are(x)
  local dtype = x:dtype()
  return #x:shape() == 4 and (dtype == "f32" or dtype == "u8")
end

--- Raises unless images can be mirrored and shifted.
---@param x userdata a tensor
---@param params userdata moon_batch_params
function M.check(x, params)
  if (params.flip ~= 0 or params.crop > 0) and not M.are(x) then
    check.fail("batches", "flip and crop are for images N x C x H x W in f32 "
               .. "or u8, x is %s %s", table.concat(x:shape(), "x"), x:dtype())
  end
end

local plain = ffi.new "moon_batch_params"

--- Images out of a set, mirrored and shifted; other things are picked.
---@param x userdata      [N, ...]
---@param index userdata  i64 [B], rows of x
---@param vary? table     params, moon_batch_params; position, of the first in
---                       the epoch, from 0
---@return userdata [B, ...]
function M.pick(x, index, vary)
  if not M.are(x) then
    if vary then M.check(x, vary.params) end
    return x:index_select(1, index)
  end
  local y = tensor.call(C.moon_batch_images, x.p, index.p,
                        vary and vary.position or 0,
                        vary and vary.params or plain, tensor.out)
  return tensor.after(y, x, index)
end

--- The same of a batch that is there, as it is where nothing is to be done.
---@param x userdata   [B, ...]
---@param vary? table  see pick
---@return userdata [B, ...]
function M.finish(x, vary)
  local params = vary and vary.params
  local moves = params and (params.flip ~= 0 or params.crop > 0)
  if moves then M.check(x, params) end
  if not M.are(x) or (x:dtype() == "f32" and not moves) then return x end
  return M.pick(x, moon.arange(0, x:size(1), { dtype = "i64",
                                             device = x:device() }), vary)
end

return M
