--- y = x w^T + b: x [..., inputs] -> [..., outputs].
local check = require "moonseed.check"
local initial = require "moonseed.nn.initial"
local Module = require "moonseed.nn.module"
local neural = require "moonseed.neural"

local Linear = Module:extend("Linear")

--- nn.Linear{ inputs, outputs, bias = true }
---@param options table
function Linear:init(options)
  local o = check.options("Linear", options, { "inputs", "outputs" },
                          { bias = true })
  local n_in = check.count("Linear", "inputs", o.inputs, 1)
  local n_out = check.count("Linear", "outputs", o.outputs, 1)
  self.weight = initial.uniform(n_in, n_out, n_in)
  if check.boolean("Linear", "bias", o.bias) then
    self.bias = initial.uniform(n_in, n_out)
  end
end

---@param x userdata [..., inputs]
---@return userdata
function Linear:forward(x) return neural.linear(x, self.weight, self.bias) end

--- forward and ReLU in one kernel.
---@param x userdata [..., inputs]
---@return userdata
function Linear:forward_relu(x)
  return neural.linear(x, self.weight, self.bias, { epilogue = "relu" })
end

return Linear
