--- Pictures in files as one tensor.
local check = require "moonseed.check"
local decode = require "moonseed.data.decode"

local known = { size = check.required, channels = 3, fit = "stretch" }

--- moon.data.pictures({ path, ... }, { size, channels = 3, fit = "stretch" }):
--- PNG and JPEG files of any size as one tensor. size: a number or { height,
--- width }; channels: 1 (luma) or 3; fit: "stretch", or "cover", the largest
--- middle part of the new proportions. Bilinear, with the pixels of Pillow's
--- resize. A file that cannot be read is named in the error that the tensor
--- carries. Waits for nothing.
---@param paths string[]
---@param options table
---@return userdata u8 [n, channels, height, width], channels-last
return function(paths, options)
  check.table("pictures", "the paths", paths)
  for i, path in ipairs(paths) do
    check.text("pictures", "path " .. i, path)
  end
  local o = check.options("pictures", options, { "size" }, known)
  return decode.files(paths, decode.params("pictures", o))
end
