--- Convolution: x [N, C, H, W], weight [K, C / groups, kH, kW], bias [K]
--- -> [N, K, oH, oW].
local check = require "moonseed.check"
local initial = require "moonseed.nn.initial"
local Module = require "moonseed.nn.module"
local neural = require "moonseed.neural"

local Conv2d = Module:extend("Conv2d")

local known = { kernel = check.required, stride = 1, padding = 0, dilation = 1,
                groups = 1, bias = true }

local function check_groups(inputs, outputs, groups)
  check.count("Conv2d", "groups", groups, 1)
  if inputs % groups ~= 0 or outputs % groups ~= 0 then
    check.fail("Conv2d", "%d groups do not divide %d inputs and %d outputs",
               groups, inputs, outputs)
  end
end

-- What the core takes, from checked options.
local function core_params(o, padding, epilogue)
  return neural.conv2d_params{
    stride = o.stride, padding = padding, dilation = o.dilation,
    groups = o.groups, epilogue = epilogue,
  }
end

-- Padding on all sides so that no output is lost; and whether there is a row or
-- a column too many, the first one: for an even kernel, the side that gets less
-- is that before the image, as in PyTorch.
local function same(o, kernel)
  local sh, sw = check.pair("Conv2d", "stride", o.stride, 1)
  if sh ~= 1 or sw ~= 1 then
    check.fail("Conv2d", "padding 'same' is for stride 1, not %dx%d", sh, sw)
  end
  local dilation = { check.pair("Conv2d", "dilation", o.dilation, 1) }
  local padding, extra = {}, {}
  for i = 1, 2 do
    local total = dilation[i] * (kernel[i] - 1)
    padding[i], extra[i] = math.ceil(total / 2), total % 2
  end
  return padding, extra[1] + extra[2] > 0 and extra or nil
end

-- What the core takes; see `same`.
local function padding_of(o, kernel)
  local padding = o.padding
  if padding == "same" then return same(o, kernel) end
  if padding == "valid" then return 0 end
  if type(padding) == "string" then
    check.fail("Conv2d", "padding is a number, { height, width }, \"same\" or "
               .. "\"valid\", not '%s'", padding)
  end
  return padding
end

-- What is left without the first rows and columns.
local function crop(y, extra)
  if not extra then return y end
  return y:narrow(3, 1 + extra[1], y:size(3) - extra[1])
    :narrow(4, 1 + extra[2], y:size(4) - extra[2])
end

--- nn.Conv2d{ inputs, outputs, kernel = 3, stride = 1, padding = 0,
---            dilation = 1, groups = 1, bias = true }
--- kernel, stride, padding, dilation: a number, or { height, width }; padding
--- "same": the output is as large as the input, at stride 1; "valid": none.
---@param options table
function Conv2d:init(options)
  local o = check.options("Conv2d", options, { "inputs", "outputs" }, known)
  local n_in = check.count("Conv2d", "inputs", o.inputs, 1)
  local n_out = check.count("Conv2d", "outputs", o.outputs, 1)
  check_groups(n_in, n_out, o.groups)
  local kh, kw = check.pair("Conv2d", "kernel", o.kernel, 1)
  local padding
  padding, self.extra = padding_of(o, { kh, kw })
  self.params = core_params(o, padding, "none")
  self.params_relu = core_params(o, padding, "relu")
  local fan_in = n_in / o.groups * kh * kw
  self.weight = initial.uniform(fan_in, n_out, n_in / o.groups, kh, kw)
  if check.boolean("Conv2d", "bias", o.bias) then
    self.bias = initial.uniform(fan_in, n_out)
  end
end

---@param x userdata [N, C, H, W]
---@return userdata
function Conv2d:forward(x)
  return crop(neural.conv2d(x, self.weight, self.bias, self.params), self.extra)
end

--- forward plus z, in one kernel where the device has one; not with padding
--- "same" where that leaves a row or a column out.
---@param x userdata [N, C, H, W]
---@param z userdata [N, K, oH, oW], or what repeats to it
---@return userdata
function Conv2d:forward_add(x, z)
  return neural.conv2d_add(x, self.weight, self.bias, z, self.params)
end

--- forward and ReLU in one kernel.
---@param x userdata [N, C, H, W]
---@return userdata
function Conv2d:forward_relu(x)
  return crop(neural.conv2d(x, self.weight, self.bias, self.params_relu),
              self.extra)
end

return Conv2d
