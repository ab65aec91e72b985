-- What layers give to the next is let go of, and nothing that has a name.
local bits = require "support.bits"
local task = require "support.task"
local moon = require "moonseed"
local temporary = require "moonseed.nn.temporary"
local nn = moon.nn

local SIDE = 256  -- large enough to be worth it
local BYTES = 4 * SIDE * SIDE

local function relus(n)
  local list = {}
  for i = 1, n do list[i] = nn.ReLU{} end
  return nn.Sequential(list)
end

-- How many tensors of that size are more alive after fn() than before. Without
-- the collector, which would let go of those that have no name.
local function growth(fn)
  collectgarbage()
  moon.synchronize()
  local before = moon.stats().live_bytes
  collectgarbage "stop"
  local y = moon.no_grad(fn)
  moon.synchronize()
  local after = moon.stats().live_bytes
  collectgarbage "restart"
  return math.floor((after - before) / BYTES + 0.5), y
end

describe("a tensor between layers", function()
  it("goes at once", task(function()
    local model, x = relus(8), moon.randn(SIDE, SIDE)
    assert.equal(1, (growth(function() return model(x) end)))
    local block = nn.Residual{ nn.ReLU{}, relus(4), shortcut = relus(3) }
    assert.equal(1, (growth(function() return block(x) end)))
  end))

  it("stays as long as the graph needs it", task(function()
    local model = moon.models.resnet9{ 3, width = 8 }
    local x, y = moon.randn(8, 3, 32, 32), moon.randint(0, 3, 8)
    local function gradients()
      local list = {}
      nn.cross_entropy(model(x), y):backward()
      for name, p in model:parameters() do
        list[#list + 1] = name .. bits.of(p.grad)
        p.grad = nil
      end
      return list
    end
    local with = gradients()
    model:apply(function(module) module:on_forward(function() end) end)
    assert.is_false(temporary.keeps_nothing(model))
    assert.same(with, gradients())
  end))

  it("stays when it is what somebody has", task(function()
    local x = moon.randn(SIDE, SIDE)
    local y = nn.Sequential{ nn.Identity{}, nn.Dropout{ 0.5 }, nn.ReLU{},
                             nn.Identity{} }:eval()(x)
    assert.same({ SIDE, SIDE }, x:shape())
    assert.equal(x:relu():sum():item(), y:sum():item())
    nn.Residual{ nn.Identity{} }(x)
    nn.Residual{ nn.ReLU{}, shortcut = nn.Identity{} }(x)
    assert.equal(x:sum():item(), x:clone():sum():item())
  end))

  it("stays when code of others, or a hook, has seen it", task(function()
    local Keep = nn.Module:extend("Keep")
    function Keep.init() end
    function Keep:forward(h)
      rawset(self, "seen", h)
      return h * 2
    end
    local seen
    local keep = Keep{}
    local model = nn.Sequential{ nn.ReLU{}, keep, nn.ReLU{},
                                 nn.Sequential{ nn.ReLU{} }, nn.ReLU{} }
    model[3]:on_forward(function(_, h) seen = h end)
    local x = moon.randn(SIDE, SIDE)
    local y = model(x)
    assert.equal(y:sum():item(), seen:sum():item())
    assert.equal(y:sum():item(), (keep.seen * 2):sum():item())
  end))

  it("may have a view that stays", task(function()
    local model = nn.Sequential{ nn.ReLU{}, nn.Flatten{}, nn.Flatten{} }
    local x = moon.randn(16, 64, 64)
    assert.equal(x:relu():sum():item(), model(x):sum():item())
  end))

  it("goes inside a moon.tidy, too", task(function()
    local model, x = relus(3), moon.randn(SIDE, SIDE):requires_grad()
    local y = moon.tidy(function()
      local y = model(x)
      y:sum():backward()
      return y
    end)
    assert.equal(x:relu():sum():item(), y:sum():item())
    assert.equal(x:gt(0):to("f32"):sum():item(), x.grad:sum():item())
  end))
end)
