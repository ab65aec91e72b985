-- The same bits on a GPU, on whatever streams the work runs.
local gpu = require "support.gpu"
local moon = require "moonseed"
local nn, optim = moon.nn, moon.optim

local function branch()
  return nn.Sequential{
    nn.Conv2d{ 3, 8, kernel = 3, padding = 1, bias = false },
    nn.BatchNorm2d{ 8 }, nn.ReLU{}, nn.GlobalAvgPool2d{}, nn.Linear{ 8, 4 },
  }
end

-- Three steps of two branches; all parameters after them.
local function trained(both)
  moon.manual_seed(5)
  local left, right = branch(), branch()
  local opt = optim.SGD{ nn.Sequential{ left, right }, lr = 0.1,
                         momentum = 0.9 }
  local x = moon.randn(6, 3, 5, 5)
  local y = moon.tensor({ 0, 1, 2, 3, 0, 1 }, { dtype = "i64" })
  for _ = 1, 3 do
    local p, q = both(function() return left(x) end,
                      function() return right(x) end)
    opt:zero_grad()
    nn.cross_entropy(p + q, y):backward()
    opt:step()
  end
  local bits = {}
  for _, model in ipairs{ left, right } do
    for name, p in model:parameters() do
      table.insert(bits, { name, p:detach():totable() })
    end
  end
  return bits
end

gpu.describe("training on a GPU", function()
  gpu.it("gives the same bits on one stream and on several", function()
    local expected = trained(function(f, g) return f(), g() end)
    for _ = 1, 5 do
      assert.same(expected, trained(moon.gather))
    end
    local streams = moon.streams()
    assert.same(expected, trained(function(f, g)
      return moon.on(streams:next(), f), moon.on(streams:next(), g)
    end))
  end)
end)
