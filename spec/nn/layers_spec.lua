-- Layers: options, shapes, first values, and what each computes.
local task = require "support.task"
local moon = require "moonseed"
local nn = moon.nn

local exact = { rtol = 0, atol = 0 }

local function fails(pattern, fn) assert.error_matches(fn, pattern) end

describe("nn.Conv2d", function()
  it("takes pairs, height before width", task(function()
    local conv = nn.Conv2d{ 2, 4, kernel = { 3, 5 }, stride = { 1, 2 },
                            padding = { 1, 0 }, dilation = { 2, 1 },
                            groups = 2, bias = false }
    assert.same({ 4, 1, 3, 5 }, conv.weight:shape())
    assert.is_nil(conv.bias)
    assert.same({ 1, 4, 7, 3 }, conv(moon.zeros(1, 2, 9, 9)):shape())
  end))

  it("starts uniform in +-1 / sqrt(fan_in)", task(function()
    local conv = nn.Conv2d{ 8, 32, kernel = { 3, 2 }, groups = 2 }
    local bound = 1 / math.sqrt(4 * 3 * 2)
    for _, p in conv:parameters() do
      assert.is_true(p:abs():max():item() <= bound)
    end
    local w = conv.weight
    assert.near(0, w:mean():item(), 0.2 * bound)
    assert.near(bound ^ 2 / 3, w:var():item(), 0.2 * bound ^ 2 / 3)
  end))

  it("is the same for the same seed", task(function()
    moon.manual_seed(5)
    local a = nn.Conv2d{ 1, 2, kernel = 3 }
    moon.manual_seed(5)
    local b = nn.Conv2d{ 1, 2, kernel = 3 }
    assert.is_true(moon.allclose(a.weight, b.weight, exact))
    assert.is_true(moon.allclose(a.bias, b.bias, exact))
  end))

  it("refuses options that do not fit", task(function()
    fails("Conv2d: no option 'kernle' %(known: inputs, outputs, bias",
          function() nn.Conv2d{ 1, 2, kernle = 3 } end)
    fails("Conv2d: kernel is missing", function() nn.Conv2d{ 1, 2 } end)
    fails("Conv2d: 3 groups do not divide 4 inputs and 6 outputs",
          function() nn.Conv2d{ 4, 6, kernel = 1, groups = 3 } end)
    fails("Conv2d: inputs", function() nn.Conv2d{ 0, 1, kernel = 1 } end)
    fails("conv2d: stride", function()
      nn.Conv2d{ 1, 1, kernel = 1, stride = { 1, 2, 3 } }
    end)
  end))
end)

describe("nn.Linear", function()
  it("computes x w^T + b", task(function()
    local linear = nn.Linear{ 3, 2 }
    local x = moon.randn(4, 3)
    local expected = x:matmul(linear.weight:t()) + linear.bias
    assert.is_true(moon.allclose(linear(x), expected, { rtol = 1e-5 }))
    assert.is_nil(nn.Linear{ 3, 2, bias = false }.bias)
  end))

  it("starts uniform in +-1 / sqrt(inputs)", task(function()
    local linear = nn.Linear{ 100, 50 }
    assert.is_true(linear.weight:abs():max():item() <= 0.1)
    assert.near(0.01 / 3, linear.weight:var():item(), 3e-4)
  end))
end)

describe("nn.Sequential", function()
  -- Outputs and gradients of conv - relu - linear - relu.
  local function run(model, x)
    local y = model(x)
    y:sum():backward()
    local result = { y:detach() }
    for _, p in model:parameters() do
      result[#result + 1] = p.grad
      p.grad = nil
    end
    return result
  end

  it("fuses ReLU into the layer before, with the same bits", task(function()
    local Apart = nn.ReLU:extend("Apart")  -- a ReLU that is not fused
    function Apart.forward(_, x) return x:relu() end
    local conv = nn.Conv2d{ 3, 8, kernel = 3, padding = 1 }
    local linear = nn.Linear{ 8 * 25, 4 }
    local fused = nn.Sequential{ conv, nn.ReLU{}, nn.Flatten{}, linear,
                                 nn.ReLU{} }
    local plain = nn.Sequential{ conv, Apart{}, nn.Flatten{}, linear,
                                 Apart{} }
    local x = moon.randn(2, 3, 5, 5)
    local a, b = run(fused, x), run(plain, x)
    assert.equal(5, #a)
    for i = 1, #a do assert.is_true(moon.allclose(a[i], b[i], exact), i) end
    assert.equal(3, #fused.steps)
    assert.equal(5, #plain.steps)
  end))

  it("leaves a subclass with its own forward alone", task(function()
    local Double = nn.Linear:extend("Double")
    function Double:forward(x) return nn.Linear.forward(self, x) * 2 end
    local double = Double{ 2, 2 }
    local model = nn.Sequential{ double, nn.ReLU{} }
    local x = moon.randn(3, 2)
    assert.is_true(moon.allclose(model(x), double(x):relu(), exact))
  end))

  it("follows a module that changes", task(function()
    local model = nn.Sequential{ nn.Linear{ 2, 2 } }
    local x = moon.ones(1, 2)
    assert.same({ 1, 2 }, model(x):shape())
    model[1] = nn.Linear{ 2, 5 }
    assert.same({ 1, 5 }, model(x):shape())
    model:add("2", nn.ReLU{})
    assert.is_true(model(x):min():item() >= 0)
  end))

  it("refuses what is not a list of modules", task(function()
    fails("entry 1 of 1 is a number", function() nn.Sequential{ 3 } end)
    fails("takes a list", function() nn.Sequential{ a = nn.ReLU{} } end)
  end))
end)

describe("nn.BatchNorm2d", function()
  it("normalises by the batch, and later by the running statistics",
     task(function()
       local norm = nn.BatchNorm2d{ 2 }
       local x = moon.randn(16, 2, 4, 4) * 3 + 1
       local y = norm(x)
       assert.near(0, y:mean():item(), 1e-5)
       assert.near(1, y:var():item(), 1e-2)
       local mean = x:mean({ 1, 3, 4 }) * 0.1
       assert.is_true(moon.allclose(norm.running_mean, mean, { rtol = 1e-4,
                                                               atol = 1e-6 }))
       norm:eval()
       local before = norm.running_mean:totable()
       local expected = (x[1][1] - norm.running_mean[1])
         / (norm.running_var[1] + 1e-5):sqrt()
       assert.is_true(moon.allclose(norm(x)[1][1], expected,
                                    { rtol = 1e-4, atol = 1e-5 }))
       assert.same(before, norm.running_mean:totable())
     end))

  it("has weight 1 and bias 0, or none", task(function()
    local norm = nn.BatchNorm2d{ 2 }
    assert.same({ 1, 1 }, norm.weight:totable())
    assert.same({ 0, 0 }, norm.bias:totable())
    assert.is_nil(nn.BatchNorm2d{ 2, affine = false }.weight)
  end))
end)

describe("nn.GroupNorm", function()
  it("normalises each image's groups, in evaluation too", task(function()
    local norm = nn.GroupNorm{ 2, 4, eps = 1e-3 }
    norm.bias:detach():fill_(0.5)
    local x = moon.randn(3, 4, 5, 5)
    local expected = x:group_norm(2, nil, nil, { eps = 1e-3 }) + 0.5
    assert.is_true(moon.allclose(norm(x), expected, { atol = 1e-6 }))
    assert.same(norm(x):totable(), norm:eval()(x):totable())
  end))

  it("has weight 1 and bias 0, or none", task(function()
    local norm = nn.GroupNorm{ 1, 2 }
    assert.same({ 1, 1 }, norm.weight:totable())
    assert.same({ 0, 0 }, norm.bias:totable())
    norm = nn.GroupNorm{ 1, 2, affine = false }
    assert.is_nil(norm.weight)
    assert.is_nil(norm.bias)
    assert.same({ 2, 2 }, norm(moon.zeros(2, 2)):shape())
  end))

  it("refuses groups that do not fit", task(function()
    fails("GroupNorm: 3 groups do not divide 4 channels",
          function() nn.GroupNorm{ 3, 4 } end)
    fails("GroupNorm: channels is missing", function() nn.GroupNorm{ 3 } end)
  end))
end)

describe("nn", function()
  it("has sigmoid and tanh", task(function()
    local x = moon.randn(2, 3)
    assert.same(x:sigmoid():totable(), nn.Sigmoid{}(x):totable())
    assert.same(x:tanh():totable(), nn.Tanh{}(x):totable())
  end))

  it("pools", task(function()
    local x = moon.arange(0, 16):reshape(1, 1, 4, 4)
    assert.same({ { { { 5, 7 }, { 13, 15 } } } },
                nn.MaxPool2d{ 2 }(x):totable())
    assert.same({ 1, 1, 1, 3 },
                nn.MaxPool2d{ { 3, 2 }, stride = { 2, 1 } }(x):shape())
    assert.same({ { 7.5 } }, nn.GlobalAvgPool2d{}(x):totable())
  end))

  it("flattens", task(function()
    assert.same({ 2, 12 }, nn.Flatten{}(moon.zeros(2, 3, 2, 2)):shape())
  end))

  it("drops out in training only", task(function()
    moon.manual_seed(1)
    local dropout = nn.Dropout{ 0.25 }
    local x = moon.ones(4000)
    local y = dropout(x)
    assert.near(0.25, y:eq(0):to("f32"):mean():item(), 0.03)
    assert.near(4 / 3, y:max():item(), 1e-6)
    assert.is_true(rawequal(x, dropout:eval()(x)))
    fails("Dropout: p is in %[0, 1%), not 1", function() nn.Dropout{ 1 } end)
  end))

  it("refuses options where there are none", task(function()
    fails("ReLU: takes no options", function() nn.ReLU{ inplace = true } end)
  end))

  it("has the loss", task(function()
    local loss = nn.cross_entropy(moon.zeros(2, 4),
                                  moon.tensor({ 0, 3 }, { dtype = "i64" }))
    assert.near(math.log(4), loss:item(), 1e-6)
  end))
end)
