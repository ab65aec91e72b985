-- Hooks on a module's forward and backward.
local task = require "support.task"
local moon = require "moonseed"
local nn = moon.nn

local exact = { rtol = 0, atol = 0 }

describe("a hook on the forward", function()
  it("sees the module, its output and its inputs", task(function()
    local layer, seen = nn.Linear{ 2, 3 }, nil
    layer:on_forward(function(...) seen = { ... } end)
    local x = moon.ones(1, 2)
    local y = layer(x)
    assert.equal(3, #seen)
    assert.is_true(rawequal(layer, seen[1]))
    assert.is_true(rawequal(y, seen[2]))
    assert.is_true(rawequal(x, seen[3]))
  end))

  it("is called inside a Sequential, between what would be one kernel",
     task(function()
       local model = nn.Sequential{ nn.Conv2d{ 1, 4, kernel = 1 }, nn.ReLU{} }
       local x, least = moon.randn(2, 1, 8, 8), {}
       local before = model(x)
       for i = 1, 2 do
         model[i]:on_forward(function(_, y) least[i] = y:min():item() end)
       end
       assert.is_true(moon.allclose(before, model(x), exact))
       assert.is_true(least[1] < 0)
       assert.is_true(least[2] >= 0)
     end))

  it("may give another output", task(function()
    local layer = nn.ReLU{}
    layer:on_forward(function(_, y) return y + 1 end)
    layer:on_forward(function(_, y) return y * 10 end)
    assert.same({ 10 }, layer(moon.zeros(1)):totable())
  end))

  it("goes, and leaves the module as it was", task(function()
    local model, n = nn.Sequential{ nn.Linear{ 2, 2 }, nn.ReLU{} }, 0
    local remove = model[1]:on_forward(function() n = n + 1 end)
    local other = model[1]:on_forward(function() n = n + 10 end)
    model(moon.ones(1, 2))
    remove()
    remove()
    model(moon.ones(1, 2))
    other()
    model(moon.ones(1, 2))
    assert.equal(21, n)
    assert.is_nil(rawget(model[1], "forward"))
    assert.equal(1, #model:plan())
  end))

  it("may remove itself", task(function()
    local layer, n, remove = nn.ReLU{}, 0, nil
    remove = layer:on_forward(function()
      n = n + 1
      remove()
    end)
    layer(moon.ones(1))
    layer(moon.ones(1))
    assert.equal(1, n)
  end))

  it("is on a forward of the instance, too, which comes back", task(function()
    local layer = nn.ReLU{}
    layer.forward = function(_, x) return x + 5 end
    local own = layer.forward
    local remove = layer:on_forward(function(_, y) return y * 2 end)
    assert.same({ 12 }, layer(moon.ones(1)):totable())
    remove()
    assert.equal(own, layer.forward)
  end))

  it("is not copied", task(function()
    local layer, n = nn.ReLU{}, 0
    layer:on_forward(function() n = n + 1 end)
    nn.copy(layer)(moon.ones(1))
    assert.equal(0, n)
  end))

  it("is a function", task(function()
    assert.error_matches(function() nn.ReLU{}:on_forward(3) end,
                         "on_forward: its argument is a function, not number")
  end))
end)

describe("a hook on the backward", function()
  local function gradients(model, x)
    local leaf = x:detach():requires_grad()
    model(leaf):sum():backward()
    local list = { leaf.grad }
    for _, p in model:parameters() do
      list[#list + 1] = p.grad
      p.grad = nil
    end
    return list
  end

  it("sees the gradient of the output, and changes nothing", task(function()
    local model = nn.Sequential{ nn.Linear{ 2, 3 }, nn.ReLU{},
                                 nn.Linear{ 3, 2 } }
    local x, seen = moon.randn(4, 2), nil
    local before = gradients(model, x)
    model[1]:on_backward(function(module, dy) seen = { module, dy } end)
    local after = gradients(model, x)
    for i = 1, 5 do
      assert.is_true(moon.allclose(before[i], after[i], exact), i)
    end
    assert.is_true(rawequal(model[1], seen[1]))
    assert.same({ 4, 3 }, seen[2]:shape())
    assert.is_true(moon.allclose(seen[2]:sum(1), after[3]))
  end))

  it("may give another gradient", task(function()
    local model = nn.Sequential{ nn.Linear{ 2, 2 } }
    model:on_backward(function(_, dy) return dy * 3 end)
    assert.same({ 12, 12 }, gradients(model, moon.ones(4, 2))[3]:totable())
  end))

  it("is not called where there is no gradient", task(function()
    local layer, n = nn.ReLU{}, 0
    layer:on_backward(function() n = n + 1 end)
    layer(moon.ones(2)):sum()
    moon.no_grad(function() layer(moon.ones(2):requires_grad()) end)
    assert.equal(0, n)
  end))
end)
