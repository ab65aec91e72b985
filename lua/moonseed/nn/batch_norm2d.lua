--- Normalises each channel of x [N, C, H, W] to mean 0 and variance 1, then
--- scales by weight [C] and shifts by bias [C] (Ioffe and Szegedy 2015). In
--- training by the batch's statistics, which also move the running ones; in
--- evaluation by the running ones.
local check = require "moonseed.check"
local moon = require "moonseed"
local Module = require "moonseed.nn.module"
local neural = require "moonseed.neural"

local BatchNorm2d = Module:extend("BatchNorm2d")

--- nn.BatchNorm2d{ channels, eps = 1e-5, momentum = 0.1, affine = true }
--- momentum: the share of the new statistics in the running ones.
---@param options table
function BatchNorm2d:init(options)
  local o = check.options("BatchNorm2d", options, { "channels" },
                          { eps = 1e-5, momentum = 0.1, affine = true })
  local n = check.count("BatchNorm2d", "channels", o.channels, 1)
  self.eps = check.number("BatchNorm2d", "eps", o.eps)
  self.momentum = check.number("BatchNorm2d", "momentum", o.momentum)
  if check.boolean("BatchNorm2d", "affine", o.affine) then
    self.weight = moon.ones(n):requires_grad()
    self.bias = moon.zeros(n):requires_grad()
  end
  self:buffer("running_mean", moon.zeros(n))
  self:buffer("running_var", moon.ones(n))
end

local function normalise(self, x, epilogue)
  return neural.batch_norm(x, {
    weight = self.weight, bias = self.bias,
    mean = self.running_mean, var = self.running_var, eps = self.eps,
    momentum = self.momentum, training = self.training, epilogue = epilogue,
  })
end

---@param x userdata [N, C, H, W]
---@return userdata
function BatchNorm2d:forward(x) return normalise(self, x) end

--- forward and ReLU in one kernel.
---@param x userdata [N, C, H, W]
---@return userdata
function BatchNorm2d:forward_relu(x) return normalise(self, x, "relu") end

--- forward, ReLU and MaxPool2d{ 2 }, on a GPU in one kernel.
---@param x userdata [N, C, H, W]
---@return userdata  [N, C, H/2, W/2]
function BatchNorm2d:forward_relu_pool(x)
  return normalise(self, x, "relu_pool")
end

return BatchNorm2d
