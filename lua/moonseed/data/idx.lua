--- Reads an idx file (LeCun's format of MNIST), plain or compressed, off the
--- loop thread.
local check = require "moonseed.check"
local file = require "moonseed.file"

--- moon.data.idx(path): the tensor in the file. Suspends the task until the
--- header is read; the values follow like those of any op.
---@param path string
---@return userdata tensor
return function(path)
  local tensors, names = file.read(check.text("idx", "the path", path))
  if #names ~= 1 or names[1] ~= "" then
    check.fail("idx", "%s is no idx file", path)
  end
  return tensors[""]
end
