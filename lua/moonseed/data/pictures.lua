--- Decodes pictures off the loop thread: files to a tensor.
local check = require "moonseed.check"
local core = require "moonseed.ffi"
local tensor = require "moonseed.tensor"
local C, ffi = core.C, core.ffi

local fits = { stretch = tonumber(C.MOON_FIT_STRETCH),
               cover = tonumber(C.MOON_FIT_COVER) }
local known = { size = check.required, channels = 3, fit = "stretch" }

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
function M.decode(paths, params)
  local list = core.array("const char *[?]", math.max(#paths, 1))
  for i, path in ipairs(paths) do list[i - 1] = path end
  return tensor.after(tensor.call(C.moon_pictures_read, params, #paths, list,
                                  tensor.out), paths)
end

--- moon.data.pictures({ path, ... }, { size, channels = 3, fit = "stretch" }):
--- PNG and JPEG files of any size as one tensor. size: a number or { height,
--- width }; channels: 1 (luma) or 3; fit: "stretch", or "cover", the largest
--- middle part of the new proportions. Bilinear, with the pixels of Pillow's
--- resize. A file that cannot be read is named in the error that the tensor
--- carries. Waits for nothing.
---@param paths string[]
---@param options table
---@return userdata u8 [n, channels, height, width]
function M.read(paths, options)
  check.table("pictures", "the paths", paths)
  for i, path in ipairs(paths) do
    check.text("pictures", "path " .. i, path)
  end
  local o = check.options("pictures", options, { "size" }, known)
  return M.decode(paths, M.params("pictures", o))
end

return M
