-- optim.Lion against the formula of its paper, in Lua.
local task = require "support.task"
local moon = require "moonseed"

describe("optim.Lion", function()
  for device, tolerance in pairs{ ref = 1e-12, cpu = 1e-6 } do
    it("is the formula of Chen et al. on " .. device, task(function()
      local o = { dtype = device == "ref" and "f64" or "f32", device = device }
      local p, m = { 1, -2, 0.5, 0 }, { 0, 0, 0, 0 }
      local t = moon.tensor(p, o):requires_grad()
      local lr, b1, b2, decay = 0.1, 0.9, 0.95, 0.25
      local opt = moon.optim.Lion{ { t }, lr = lr, betas = { b1, b2 },
                                   weight_decay = decay }
      for k = 1, 5 do
        local g = { k - 3, 0.5 - k, 1 / k, 0 }
        t.grad = moon.tensor(g, o)
        opt:step()
        for i = 1, 4 do
          local look = b1 * m[i] + (1 - b1) * g[i]
          local sign = look > 0 and 1 or look < 0 and -1 or 0
          p[i] = p[i] * (1 - lr * decay) - lr * sign
          m[i] = b2 * m[i] + (1 - b2) * g[i]
        end
        for i, v in ipairs(t:totable()) do assert.near(p[i], v, tolerance) end
      end
    end))
  end
end)
