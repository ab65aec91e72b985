-- Layers that apply a function: what they compute, their options, and that they
-- can be described, copied and built again.

local moon = require "moonseed"
local task = require "support.task"
local nn = moon.nn

local tanh = { approximate = "tanh" }
local cases = {
  { "SiLU", {}, function(x) return x:silu() end },
  { "GELU", {}, function(x) return x:gelu() end },
  { "GELU", tanh, function(x) return x:gelu(tanh) end },
  { "LeakyReLU", {}, function(x) return x:leaky_relu() end },
  { "LeakyReLU", { 0.2 }, function(x) return x:leaky_relu(0.2) end },
  { "LeakyReLU", { slope = 0.2 }, function(x) return x:leaky_relu(0.2) end },
  { "ELU", {}, function(x) return x:elu() end },
  { "ELU", { 2 }, function(x) return x:elu(2) end },
  { "Softplus", {}, function(x) return x:softplus() end },
  { "Softplus", { beta = 2 }, function(x) return x:softplus{ beta = 2 } end },
  { "Softmax", {}, function(x) return x:softmax(3) end },
  { "Softmax", { 2 }, function(x) return x:softmax(2) end },
  { "LogSoftmax", {}, function(x) return x:log_softmax(3) end },
  { "LogSoftmax", { dim = 1 }, function(x) return x:log_softmax(1) end },
}

describe("nn", function()
  for _, case in ipairs(cases) do
    local name, options, fn = unpack(case)
    it(("has %s, told again"):format(name), task(function()
      local layer = nn[name](options)
      local x = moon.randn(2, 3, 4)
      local wanted = fn(x):totable()
      assert.same(wanted, layer(x):totable())
      assert.same(wanted, nn.copy(layer)(x):totable())
      local text = nn.describe.describe(layer)
      assert.same(wanted, nn.describe.rebuild(text)(x):totable())
    end))
  end

  local function refuses(text, name, options)
    it(("refuses: %s"):format(text), task(function()
      assert.error_matches(function() nn[name](options) end, text, 1, true)
    end))
  end
  refuses("GELU: no approximation 'erf' (none, tanh)", "GELU",
          { approximate = "erf" })
  refuses("LeakyReLU: slope is a number, not string", "LeakyReLU", { "x" })
  refuses("ELU: no option 'beta' (known: alpha)", "ELU", { beta = 1 })
  refuses("Softplus: beta is 0", "Softplus", { beta = 0 })
  refuses("Softmax: dim is a number, not boolean", "Softmax", { true })
end)
