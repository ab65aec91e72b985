--- Decoding pictures off the loop thread: files to a tensor.
local check = require "moonseed.check"
local core = require "moonseed.ffi"
local tensor = require "moonseed.tensor"
local C, ffi = core.C, core.ffi

local fits = { stretch = tonumber(C.MOON_FIT_STRETCH),
               cover = tonumber(C.MOON_FIT_COVER) }

local M = {}

--- The options as the core takes them.
---@param op string  what the user called
---@param o table    size (a number or { height, width }), channels, fit
---@return userdata  moon_pictures_params
function M.params(op, o)
  local p = ffi.new "moon_pictures_params"
  p.size[0], p.size[1] = check.pair(op, "size", o.size, 1)
  p.channels = check.count(op, "channels", o.channels, 1)
  if not fits[o.fit] then
    check.fail(op, "no fit '%s' (stretch, cover)", tostring(o.fit))
  end
  p.fit = fits[o.fit]
  return p
end

--- Enqueues the decoding of these files.
---@param paths string[]
---@param params userdata  moon_pictures_params
---@return userdata u8 [n, channels, height, width], channels-last
function M.files(paths, params)
  local list = core.array("const char *[?]", math.max(#paths, 1))
  for i, path in ipairs(paths) do list[i - 1] = path end
  return tensor.after(tensor.call(C.moon_pictures_read, params, #paths, list,
                                  tensor.out), paths)
end

return M
