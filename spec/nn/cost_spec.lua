-- cost.of: what it counts, and that it leaves no trace.
local bits = require "support.bits"
local task = require "support.task"
local moon = require "moonseed"
local cost = require "moonseed.nn.cost"
local nn = moon.nn

-- A module of a function and, perhaps, children by name.
local Of = nn.Module:extend("Of")
function Of:init(options)
  self.fn = options[1]
  for name, value in pairs(options) do
    if type(name) == "string" then self[name] = value end
  end
end
function Of:forward(x) return self.fn(self, x) end

local function flops(module, shape) return cost.of(module, shape).flops end

describe("cost.of", function()
  it("counts convolutions: stride, groups, dilation, padding", task(function()
    -- 12 x 4 x 8 outputs of 3 channels, 3 x 5 each.
    local conv = nn.Conv2d{ 6, 12, kernel = { 3, 5 }, stride = { 2, 1 },
                            padding = { 1, 2 }, groups = 2 }
    assert.same({ parameters = 12 * 45 + 12, bytes = 4 * (12 * 45 + 12),
                  flops = 2 * 12 * 4 * 8 * 45 }, cost.of(conv, { 1, 6, 8, 8 }))
    local wide = nn.Conv2d{ 1, 1, kernel = 3, dilation = 2, bias = false }
    assert.equal(2 * 16 * 9, flops(wide, { 1, 1, 8, 8 }))
  end))

  it("counts linear layers over all leading dimensions", task(function()
    local linear = nn.Linear{ 6, 4, bias = false }
    assert.equal(2 * 6 * 4, flops(linear, { 1, 6 }))
    assert.equal(2 * 5 * 6 * 4, flops(linear, { 9, 5, 6 }))
  end))

  it("counts a layer with ReLU in it as the layer", task(function()
    local model = nn.Sequential{ nn.Conv2d{ 1, 2, kernel = 1 }, nn.ReLU{},
                                 nn.Flatten{}, nn.Linear{ 8, 3 }, nn.ReLU{} }
    assert.equal(2 * (2 * 4 + 24), flops(model, { 1, 1, 2, 2 }))
  end))

  it("counts calls of functions and methods in a forward", task(function()
    local w = moon.randn(5, 3, 1, 1)
    local conv = Of{ function(_, x) return moon.conv2d(x, w) end }
    assert.equal(2 * 15 * 4, flops(conv, { 1, 3, 2, 2 }))
    local back = Of{ function(_, x)
      return moon.conv_transpose2d(x, moon.randn(3, 5, 2, 2), nil,
                                   { stride = 2 })
    end }
    assert.equal(2 * 3 * 4 * 5 * 4, flops(back, { 1, 3, 2, 2 }))
    local a = moon.randn(6, 4)
    local product = Of{ function(_, x) return x:matmul(a) end }
    assert.equal(2 * 6 * 4, flops(product, { 1, 6 }))
    local other = Of{ function(_, x) return moon.matmul(x, a) end }
    assert.equal(2 * 6 * 4, flops(other, { 1, 6 }))
    local pairs_of = Of{ function(_, x) return x:bmm(x:permute(1, 3, 2)) end }
    assert.equal(2 * 3 * 4 * 3, flops(pairs_of, { 1, 3, 4 }))
    local attends = Of{ function(_, x) return moon.attention(x, x, x) end }
    assert.equal(2 * 2 * 3 * 3 * 4, flops(attends, { 1, 3, 4 }))
  end))

  it("counts a layer as often as it is called", task(function()
    local twice = Of{ function(self, x) return self.f(self.f(x)) end,
                      f = nn.Linear{ 3, 3 } }
    assert.same({ parameters = 12, bytes = 48, flops = 2 * 2 * 9 },
                cost.of(twice, { 1, 3 }))
  end))

  it("counts tasks and generators of the forward", task(function()
    local f = nn.Linear{ 3, 3, bias = false }
    local branches = Of{ function(_, x)
      local a, b = moon.gather(function() return f(x) end,
                               function() moon.yield() return f(x) end)
      return a + b + coroutine.wrap(function() return f(x) end)()
    end }
    assert.equal(3 * 2 * 9, flops(branches, { 1, 3 }))
  end))

  it("counts nothing of norms, activations and pooling", task(function()
    local model = nn.Sequential{ nn.BatchNorm2d{ 2 }, nn.ReLU{},
                                 nn.MaxPool2d{ 2 }, nn.GlobalAvgPool2d{} }
    assert.same({ parameters = 4, bytes = 16, flops = 0 },
                cost.of(model, { 1, 2, 4, 4 }))
  end))

  it("is of one image whatever the batch", task(function()
    local linear = nn.Linear{ 6, 4 }
    assert.same(cost.of(linear, { 1, 6 }), cost.of(linear, { 64, 6 }))
  end))

  it("counts shared parameters once and f64 as 8 bytes", task(function()
    local layer = nn.Linear{ 2, 2, bias = false }
    local model = nn.Sequential{ layer, layer }
    assert.same({ parameters = 4, bytes = 16, flops = 16 },
                cost.of(model, { 1, 2 }))
    assert.equal(32, cost.of(model:to "f64", { 1, 2 }).bytes)
  end))

  it("counts nothing of other tasks", task(function()
    local small, large = nn.Linear{ 2, 2 }, nn.Linear{ 50, 50 }
    local function slow(n)
      return flops(Of{ function(self, x)
        for _ = 1, n do moon.yield() end
        return self.f(x)
      end, f = small }, { 1, 2 })
    end
    local x = moon.zeros(1, 50)
    local a, b, c = moon.gather(
      function() return slow(3) end, function() return slow(1) end,
      function() return slow(5) end,
      function() for _ = 1, 4 do large(x) moon.yield() end end)
    assert.same({ 8, 8, 8 }, { a, b, c })
  end))

  it("counts apart what a forward counts", task(function()
    local inner
    local outer = Of{ function(self, x)
      inner = flops(self.f, { 1, 3 })
      return self.f(x)
    end, f = nn.Linear{ 3, 3 } }
    assert.equal(18, flops(outer, { 1, 3 }))
    assert.equal(18, inner)
  end))

  it("refuses what is no module, no shape", task(function()
    local linear = nn.Linear{ 2, 2 }
    for pattern, arguments in pairs{
      ["cost: its first argument is a module, not table"] = { {}, { 1 } },
      ["cost: the shape is a table, not number"] = { linear, 3 },
      ["cost: the shape is a list of extents"] = { linear, {} },
      ["cost: extent 2 is a whole number of at least 1, not 0"] =
        { linear, { 1, 0 } },
    } do
      assert.error_matches(function() cost.of(unpack(arguments)) end, pattern)
    end
  end))
end)

-- Everything of a model that a forward could change.
local function traces(model)
  local list = { tostring(model.training) }
  for name, module in model:modules() do
    list[#list + 1] = name .. tostring(module.training)
  end
  for name, t in pairs(model:state()) do
    list[#list + 1] = name .. bits.of(t)
  end
  for name, p in model:parameters() do
    list[#list + 1] = name .. (p.grad and bits.of(p.grad) or "none")
  end
  table.sort(list)
  return list
end

describe("after cost.of", function()
  local functions = { moon.conv2d, moon.linear, moon.matmul }

  local function model_with(last)
    local model = nn.Sequential{
      nn.Conv2d{ 1, 2, kernel = 3 }, nn.BatchNorm2d{ 2 }, nn.Dropout{ 0.5 },
      nn.GlobalAvgPool2d{}, nn.Linear{ 2, 2 }, last,
    }
    model(moon.randn(4, 1, 5, 5)):sum():backward()
    model[2]:eval()
    return model
  end

  -- The random number that follows `fn`, as from seed 9.
  local function next_number(fn)
    moon.manual_seed(9)
    fn()
    return moon.rand(1):item()
  end

  local function unchanged(model, fn)
    local before = traces(model)
    local number = next_number(function() end)
    assert.equal(number, next_number(fn))
    assert.same(before, traces(model))
    assert.same(functions, { moon.conv2d, moon.linear, moon.matmul })
  end

  it("flags, statistics, gradients and random numbers are as before",
     task(function()
       local model = model_with(Of{ function(_, x)
         return x + moon.rand(x:shape())
       end })
       unchanged(model, function() cost.of(model, { 3, 1, 5, 5 }) end)
     end))

  it("so they are when the forward fails", task(function()
    local broken = false
    local model = model_with(Of{ function(_, x)
      if broken then moon.rand(1) error "broken" end
      return x
    end })
    broken = true
    unchanged(model, function()
      assert.error_matches(function() cost.of(model, { 3, 1, 5, 5 }) end,
                           "broken")
    end)
  end))

  it("the forward records no graph", task(function()
    local seen
    local model = Of{ function(self, x)
      local y = self.f(x)
      seen = y.needs_grad
      return y
    end, f = nn.Linear{ 2, 2 } }
    cost.of(model, { 1, 2 })
    assert.is_false(seen)
  end))
end)
