-- Of a module: entries by path, all modules, freezing.
local task = require "support.task"
local moon = require "moonseed"
local nn, optim = moon.nn, moon.optim

local function small()
  return nn.Sequential{
    nn.Conv2d{ 1, 2, kernel = 3 },
    nn.Sequential{ nn.BatchNorm2d{ 2 }, nn.ReLU{} },
    nn.Flatten{}, { "head", nn.Linear{ 8, 3 } },
  }
end

describe("model:get", function()
  it("gives modules, parameters and buffers by path", task(function()
    local model = small()
    assert.is_true(rawequal(model[2][1], model:get "2.1"))
    assert.is_true(rawequal(model.head.weight, model:get "head.weight"))
    assert.is_true(rawequal(model[2][1].running_var,
                            model:get "2.1.running_var"))
    assert.is_true(rawequal(model, model:get ""))
    assert.is_true(rawequal(model[1], model:get(1)))
    for name, p in model:parameters() do
      assert.is_true(rawequal(p, model:get(name)))
    end
  end))

  it("says what there is instead", task(function()
    local model = small()
    assert.error_matches(function() model:get "2.3" end,
                         "get: no '3' in Sequential 2 %(known: 1, 2%)")
    assert.error_matches(function() model:get "tail" end,
                         "no 'tail' in Sequential %(known: 1, 2, 3, head%)")
    assert.error_matches(function() model:get "head.weight.x" end,
                         "no 'x' in the tensor head.weight")
    assert.error_matches(function() model:get{} end, "the path is a string")
  end))
end)

describe("model:apply", function()
  it("calls for every module, children first", task(function()
    local model, paths = small(), {}
    assert.is_true(rawequal(model, model:apply(function(module, path)
      assert.is_true(rawequal(module, model:get(path)))
      paths[#paths + 1] = path
    end)))
    assert.same({ "1", "2.1", "2.2", "2", "3", "head", "" }, paths)
  end))

  it("calls once for a shared module, and lets fn change the model",
     task(function()
       local layer, n = nn.Linear{ 2, 2 }, 0
       local model = nn.Sequential{ layer, layer }
       model:apply(function(module)
         n = n + 1
         if module == model then module[2] = nn.ReLU{} end
       end)
       assert.equal(2, n)
     end))
end)

describe("a frozen module", function()
  it("has parameters that no optimiser moves", task(function()
    local model = small()
    local opt = optim.SGD{ model, lr = 1, momentum = 0.9, weight_decay = 0.1 }
    local x, y = moon.randn(2, 1, 4, 4), moon.tensor({ 0, 2 },
                                                     { dtype = "i64" })
    local function step()
      opt:zero_grad()
      nn.cross_entropy(model(x), y):backward()
      opt:step()
    end
    step()
    model:freeze "^1%."
    local conv, head = model[1].weight:clone(), model.head.weight:clone()
    step()
    assert.same(conv:totable(), model[1].weight:totable())
    assert.not_same(head:totable(), model.head.weight:totable())
    assert.is_nil(model[1].weight.grad)
    model:unfreeze()
    step()
    assert.not_same(conv:totable(), model[1].weight:totable())
  end))

  it("drops a gradient that is there", task(function()
    local layer = nn.Linear{ 2, 2 }
    layer(moon.ones(1, 2)):sum():backward()
    layer:freeze()
    assert.is_nil(layer.weight.grad)
  end))

  it("keeps its parameters in state, copies and other dtypes", task(function()
    local model = small():freeze()
    local copy = nn.copy(model):to "f64"
    local n = 0
    for name, p in copy:parameters() do
      assert.equal("f64", p:dtype())
      assert.is_false(p.needs_grad, name)
      n = n + 1
    end
    assert.equal(6, n)
    assert.is_true(copy:unfreeze()[1].weight.needs_grad)
    small():load_state(model:state())
  end))

  it("is one with parameters of these names", task(function()
    assert.error_matches(function() small():freeze "^heat" end,
                         "freeze: no parameter matches '%^heat' %(there are 1.")
    nn.ReLU{}:freeze()
  end))
end)
