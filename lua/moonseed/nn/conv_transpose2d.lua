--- Transposed convolution: x [N, C, H, W], weight [C, K / groups, kH, kW],
--- bias [K] -> [N, K, oH, oW].
local check = require "moonseed.check"
local initial = require "moonseed.nn.initial"
local Module = require "moonseed.nn.module"
local neural = require "moonseed.neural"

local ConvTranspose2d = Module:extend("ConvTranspose2d")

local known = { kernel = check.required, stride = 1, padding = 0,
                output_padding = 0, dilation = 1, groups = 1, bias = true }

--- nn.ConvTranspose2d{ inputs, outputs, kernel = 3, stride = 1, padding = 0,
---                     output_padding = 0, dilation = 1, groups = 1,
---                     bias = true }
--- kernel, stride, paddings, dilation: a number, or { height, width }.
---@param options table
function ConvTranspose2d:init(options)
  local op = "ConvTranspose2d"
  local o = check.options(op, options, { "inputs", "outputs" }, known)
  local n_in = check.count(op, "inputs", o.inputs, 1)
  local n_out = check.count(op, "outputs", o.outputs, 1)
  local groups = check.count(op, "groups", o.groups, 1)
  if n_in % groups ~= 0 or n_out % groups ~= 0 then
    check.fail(op, "%d groups do not divide %d inputs and %d outputs", groups,
               n_in, n_out)
  end
  local kh, kw = check.pair(op, "kernel", o.kernel, 1)
  self.params = neural.conv_transpose2d_params{
    stride = o.stride, padding = o.padding, dilation = o.dilation,
    groups = groups, output_padding = o.output_padding,
  }
  -- PyTorch counts what an input goes to, not what an output sums over.
  local fan = n_out / groups * kh * kw
  self.weight = initial.uniform(fan, n_in, n_out / groups, kh, kw)
  if check.boolean(op, "bias", o.bias) then
    self.bias = initial.uniform(fan, n_out)
  end
end

---@param x userdata [N, C, H, W]
---@return userdata
function ConvTranspose2d:forward(x)
  return neural.conv_transpose2d(x, self.weight, self.bias, self.params)
end

return ConvTranspose2d
