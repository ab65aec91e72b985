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
local function core_params(o, epilogue)
  return neural.conv2d_params{
    stride = o.stride, padding = o.padding, dilation = o.dilation,
    groups = o.groups, epilogue = epilogue,
  }
end

--- nn.Conv2d{ inputs, outputs, kernel = 3, stride = 1, padding = 0,
---            dilation = 1, groups = 1, bias = true }
--- kernel, stride, padding, dilation: a number, or { height, width }.
---@param options table
function Conv2d:init(options)
  local o = check.options("Conv2d", options, { "inputs", "outputs" }, known)
  local n_in = check.count("Conv2d", "inputs", o.inputs, 1)
  local n_out = check.count("Conv2d", "outputs", o.outputs, 1)
  check_groups(n_in, n_out, o.groups)
  local kh, kw = check.pair("Conv2d", "kernel", o.kernel, 1)
  self.params = core_params(o, "none")
  self.params_relu = core_params(o, "relu")
  local fan_in = n_in / o.groups * kh * kw
  self.weight = initial.uniform(fan_in, n_out, n_in / o.groups, kh, kw)
  if check.boolean("Conv2d", "bias", o.bias) then
    self.bias = initial.uniform(fan_in, n_out)
  end
end

---@param x userdata [N, C, H, W]
---@return userdata
function Conv2d:forward(x)
  return neural.conv2d(x, self.weight, self.bias, self.params)
end

--- forward and ReLU in one kernel.
---@param x userdata [N, C, H, W]
---@return userdata
function Conv2d:forward_relu(x)
  return neural.conv2d(x, self.weight, self.bias, self.params_relu)
end

return Conv2d
