-- Layers that hold others, or act on whole images. PyTorch's values are in
-- golden_spec.
local task = require "support.task"
local moon = require "moonseed"
local nn = moon.nn

local exact = { rtol = 0, atol = 0 }

local function fails(pattern, fn) assert.error_matches(fn, pattern) end

describe("nn.Conv2d with padding 'same'", function()
  it("keeps the size, with a ReLU in it, too", task(function()
    for _, kernel in ipairs{ 1, 2, 3, 4, { 2, 5 } } do
      local conv = nn.Conv2d{ 2, 3, kernel = kernel, padding = "same",
                              dilation = { 1, 3 } }
      local x = moon.randn(1, 2, 4, 7)
      local y = conv(x)
      assert.same({ 1, 3, 4, 7 }, y:shape())
      assert.same(y:relu():totable(), conv:forward_relu(x):totable())
    end
  end))

  it("is for stride 1", task(function()
    fails("Conv2d: padding 'same' is for stride 1, not 2x1", function()
      nn.Conv2d{ 1, 1, kernel = 3, padding = "same", stride = { 2, 1 } }
    end)
    fails("Conv2d: padding is a number, { height, width }, \"same\" or "
          .. "\"valid\", not 'full'", function()
      nn.Conv2d{ 1, 1, kernel = 3, padding = "full" }
    end)
  end))
end)

describe("nn.Conv2d with padding 'valid'", function()
  it("has none, at any stride", task(function()
    local conv = nn.Conv2d{ 2, 3, kernel = { 3, 2 }, padding = "valid",
                            stride = 2 }
    local x = moon.randn(1, 2, 6, 7)
    assert.same({ 1, 3, 2, 3 }, conv(x):shape())
    local plain = moon.conv2d(x, conv.weight, conv.bias, { stride = 2 })
    assert.is_true(moon.allclose(plain, conv(x), exact))
  end))
end)

describe("nn.Identity", function()
  it("gives what it is given", task(function()
    local x = moon.ones(2)
    assert.is_true(rawequal(x, nn.Identity{}(x)))
  end))
end)

describe("nn.Sequential", function()
  it("pools after a norm and a ReLU as the layers by themselves",
     task(function()
    local layers = { nn.BatchNorm2d{ 3 }, nn.ReLU{}, nn.MaxPool2d{ 2 } }
    local x = moon.randn(2, 3, 4, 5)
    local model = nn.Sequential(layers)
    for _, trains in ipairs{ true, false } do
      if trains then model:train() else model:eval() end
      local y = x
      for _, layer in ipairs(layers) do y = layer:forward(y) end
      assert.is_true(moon.allclose(y, model(x), exact))
    end
    local wider = nn.MaxPool2d{ 2, stride = 1 }
    local other = nn.Sequential{ layers[1], layers[2], wider }
    assert.same({ 2, 3, 3, 4 }, other(x):shape())
  end))
end)

describe("nn.Residual", function()
  it("adds its input, or a shortcut of it", task(function()
    local f, s = nn.Linear{ 3, 3 }, nn.Linear{ 3, 3 }
    local x = moon.randn(2, 3)
    assert.is_true(moon.allclose(nn.Residual{ f }(x), x + f(x), exact))
    local both = nn.Residual{ { "f", f }, nn.ReLU{}, shortcut = s }
    assert.is_true(moon.allclose(both(x), s(x) + f(x):relu(), exact))
    local names = {}
    for name in both:parameters() do names[#names + 1] = name end
    assert.same({ "branch.f.weight", "branch.f.bias", "shortcut.weight",
                  "shortcut.bias" }, names)
  end))

  -- With a hook on it, a layer is called as any other.
  it("gives the same where its last convolution adds", task(function()
    local conv = nn.Conv2d{ 3, 3, kernel = 3, padding = 1 }
    local block = nn.Residual{ nn.ReLU{}, conv, shortcut = nn.ReLU{} }
    local x = moon.randn(2, 3, 5, 4)
    local y, calls = block(x), 0
    assert.is_true(moon.allclose(y, x:relu() + conv(x:relu()), exact))
    conv:on_forward(function() calls = calls + 1 end)
    assert.is_true(moon.allclose(block(x), y, exact))
    assert.equal(1, calls)
  end))

  it("is the identity at birth with zero", task(function()
    local block = nn.Residual{ nn.Linear{ 3, 4 }, nn.ReLU{}, nn.Linear{ 4, 3 },
                               zero = true }
    local x = moon.randn(2, 3)
    assert.is_true(moon.allclose(block(x), x, exact))
    fails("Residual: the last layer has no parameters to be zero",
          function() nn.Residual{ nn.ReLU{}, zero = true } end)
  end))

  it("can be described and made again", task(function()
    local block = nn.Residual{ nn.Linear{ 3, 3 }, { "act", nn.ReLU{} },
                               shortcut = nn.Identity{} }
    local other = nn.describe.rebuild(nn.describe.describe(block))
    other:load_state(block:state())
    local x = moon.randn(2, 3)
    assert.is_true(moon.allclose(block(x), other(x), exact))
    assert.equal(tostring(block), tostring(other))
  end))

  it("refuses what does not fit", task(function()
    fails("Residual: shortcut is a module, not a number",
          function() nn.Residual{ nn.ReLU{}, shortcut = 1 } end)
    fails("Residual: no option 'short' %(known: shortcut, zero%)",
          function() nn.Residual{ nn.ReLU{}, short = nn.ReLU{} } end)
    fails("add: ", function()
      nn.Residual{ nn.Linear{ 3, 4 } }(moon.zeros(2, 3))
    end)
  end))
end)

describe("nn.SqueezeExcite", function()
  it("scales channels by what their means say", task(function()
    local layer = nn.SqueezeExcite{ 32 }
    assert.same({ 2, 32 }, layer.squeeze.weight:shape())
    moon.no_grad(function()
      for _, p in layer.excite:parameters() do p:fill_(0) end
    end)
    local x = moon.randn(2, 32, 3, 3)
    assert.is_true(moon.allclose(layer(x), x * 0.5))
    assert.same({ 1, 4 }, nn.SqueezeExcite{ 4 }.squeeze.weight:shape())
  end))

  it("refuses what does not fit", task(function()
    fails("SqueezeExcite: hidden is a whole number of at least 1, not 0",
          function() nn.SqueezeExcite{ 4, hidden = 0 } end)
    fails("SqueezeExcite: channels is missing",
          function() nn.SqueezeExcite{} end)
  end))
end)

describe("nn.DropPath", function()
  it("drops whole images, in training only", task(function()
    moon.manual_seed(1)
    local layer = nn.DropPath{ 0.25 }
    local x = moon.ones(4000, 1, 2, 1)
    local y = layer(x):reshape(4000, 2)
    assert.is_true(moon.allclose(y:max(2), y:min(2), exact))
    assert.near(0.25, y:eq(0):to("f32"):mean():item(), 0.03)
    assert.near(4 / 3, y:max():item(), 1e-6)
    assert.is_true(rawequal(x, layer:eval()(x)))
    assert.is_true(rawequal(x, nn.DropPath{ 0 }(x)))
  end))

  it("has a probability below 1", task(function()
    fails("DropPath: p is in %[0, 1%), not 1", function() nn.DropPath{ 1 } end)
  end))
end)

describe("nn.WeightNorm", function()
  it("is its layer at birth", task(function()
    local conv = nn.Conv2d{ 3, 4, kernel = 3 }
    local x = moon.randn(2, 3, 5, 5)
    local before = conv(x)
    local layer = nn.WeightNorm{ conv }
    assert.is_true(moon.allclose(layer(x), before, { atol = 1e-6 }))
    assert.same({ 4, 1, 1, 1 }, layer.magnitude:shape())
    local names = {}
    for name in layer:parameters() do names[#names + 1] = name end
    assert.same({ "magnitude", "direction", "layer.bias" }, names)
  end))

  it("has the magnitudes that it is given", task(function()
    local layer = nn.WeightNorm{ nn.Linear{ 5, 2 } }
    moon.no_grad(function() layer.magnitude:fill_(3) end)
    local norms = layer:weight():norm(2):totable()
    assert.near(3, norms[1], 1e-6)
    assert.near(3, norms[2], 1e-6)
  end))

  it("can be described and made again", task(function()
    local layer = nn.WeightNorm{ nn.Linear{ 3, 2 }, dim = 2 }
    local other = nn.describe.rebuild(nn.describe.describe(layer))
    other:load_state(layer:state())
    local x = moon.randn(4, 3)
    assert.is_true(moon.allclose(layer(x), other(x), exact))
    assert.is_true(moon.allclose(layer(x), nn.copy(layer)(x), exact))
  end))

  it("refuses a layer without a weight", task(function()
    fails("WeightNorm: layer is a module with a parameter 'weight', not ReLU",
          function() nn.WeightNorm{ nn.ReLU{} } end)
    fails("WeightNorm: dimension 3 of a tensor with 2",
          function() nn.WeightNorm{ nn.Linear{ 2, 2 }, dim = 3 } end)
  end))
end)

describe("nn.PatchEmbedding", function()
  it("makes a token of each patch, row by row, and adds its place",
     task(function()
       local layer = nn.PatchEmbedding{ 3, 5, size = { 4, 6 },
                                        patch = { 2, 3 } }
       local x = moon.randn(2, 3, 4, 6)
       local y = layer(x)
       assert.same({ 2, 4, 5 }, y:shape())
       local third = layer.conv(x:narrow(3, 3, 2):narrow(4, 1, 3)):reshape(2, 5)
       assert.is_true(moon.allclose(y:narrow(2, 3, 1):reshape(2, 5),
                                    third + layer.place[3], { atol = 1e-6 }))
     end))

  it("has patches that fill the image", task(function()
    fails("PatchEmbedding: patches of 3x3 do not fill 8x9", function()
      nn.PatchEmbedding{ 1, 2, size = { 8, 9 }, patch = 3 }
    end)
    fails("add: ", function()
      nn.PatchEmbedding{ 1, 2, size = 8, patch = 2 }(moon.zeros(1, 1, 4, 4))
    end)
  end))
end)

describe("nn.Mean", function()
  it("is over one dimension or several", task(function()
    local x = moon.randn(2, 3, 4)
    assert.same(x:mean(2):totable(), nn.Mean{ 2 }(x):totable())
    assert.same({ 1, 3, 1 }, nn.Mean{ { 1, 3 }, keepdim = true }(x):shape())
    fails("Mean: dim is missing", function() nn.Mean{} end)
  end))
end)
