--- The largest of each window: x [N, C, H, W] -> [N, C, oH, oW].
local Module = require "moonseed.nn.module"
local neural = require "moonseed.neural"

local MaxPool2d = Module:extend("MaxPool2d")

--- nn.MaxPool2d{ kernel, stride = kernel, padding = 0, ceil_mode = false }
--- kernel, stride, padding: a number, or { height, width }. ceil_mode: the last
--- window may reach beyond the padding.
---@param options table
function MaxPool2d:init(options)
  self.params = neural.max_pool2d_params(options)
end

--- Whether it is MaxPool2d{ 2 }.
---@return boolean
function MaxPool2d:halves()
  local p = self.params
  for d = 0, 1 do
    if p.kernel[d] ~= 2 or p.stride[d] ~= 2 or p.padding[d] ~= 0 then
      return false
    end
  end
  return p.ceil_mode == 0
end

---@param x userdata [N, C, H, W]
---@return userdata
function MaxPool2d:forward(x) return neural.max_pool2d(x, self.params) end

return MaxPool2d
