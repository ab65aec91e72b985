-- The layers of a transformer, and instance norm.
local task = require "support.task"
local moon = require "moonseed"
local nn, optim = moon.nn, moon.optim

local exact = { rtol = 0, atol = 0 }

local function fails(pattern, fn) assert.error_matches(fn, pattern) end

local function near(a, b)
  assert.is_true(moon.allclose(a, b, { atol = 1e-5 }))
end

describe("nn.LayerNorm", function()
  it("is layer_norm with its weight and bias", task(function()
    local norm, x = nn.LayerNorm{ { 2, 3 }, eps = 1e-3 }, moon.randn(4, 2, 3)
    moon.no_grad(function() norm.weight:fill_(2) norm.bias:fill_(1) end)
    near(norm(x), x:layer_norm({ 2, 3 }, nil, nil, { eps = 1e-3 }) * 2 + 1)
  end))

  it("begins with ones and zeros, or without", task(function()
    local norm = nn.LayerNorm{ 3 }
    assert.same({ 1, 1, 1 }, norm.weight:totable())
    assert.same({ 0, 0, 0 }, norm.bias:totable())
    assert.is_nil(nn.LayerNorm{ 3, affine = false }.weight)
  end))

  it("refuses what is no shape", task(function()
    fails("LayerNorm: shape is missing", function() nn.LayerNorm{} end)
    fails("LayerNorm: extent 1", function() nn.LayerNorm{ 0 } end)
    fails("LayerNorm: the shape has no dimensions",
          function() nn.LayerNorm{ {} } end)
    fails("layer_norm: the last dimensions of x are not 3 %(x 2x4%)",
          function() nn.LayerNorm{ 3 }(moon.zeros(2, 4)) end)
  end))
end)

describe("nn.InstanceNorm2d", function()
  it("normalises each channel of each image", task(function()
    local y = nn.InstanceNorm2d{ 3 }(moon.randn(2, 3, 4, 5) * 3 + 1)
    near(y:mean{ 3, 4 }, moon.zeros(2, 3))
    assert.is_nil(nn.InstanceNorm2d{ 3 }.weight)
    assert.same({ 1, 1 }, nn.InstanceNorm2d{ 2, affine = true }.weight
                            :totable())
  end))

  it("refuses other channels", task(function()
    fails("InstanceNorm2d: x is 1x2x3x3, Nx3xHxW needed", function()
      nn.InstanceNorm2d{ 3 }(moon.zeros(1, 2, 3, 3))
    end)
  end))
end)

describe("nn.Embedding", function()
  it("gives a row for each number", task(function()
    local embedding = nn.Embedding{ 5, 3 }
    local y = embedding(moon.tensor({ { 4, 0 } }, { dtype = "i64" }))
    assert.same({ 1, 2, 3 }, y:shape())
    assert.is_true(moon.allclose(y[1][1], embedding.weight[5], exact))
  end))

  it("keeps the padding's features at zero", task(function()
    local embedding = nn.Embedding{ 3, 2, padding = 1 }
    local opt = optim.SGD{ embedding, lr = 1 }
    embedding(moon.tensor({ 0, 1 }, { dtype = "i64" })):sum():backward()
    opt:step()
    assert.same({ 0, 0 }, embedding.weight[2]:totable())
  end))

  it("refuses padding that is no row", task(function()
    fails("Embedding: padding 3 is outside %[0, 3%)",
          function() nn.Embedding{ 3, 2, padding = 3 } end)
  end))
end)

describe("nn.MultiheadAttention", function()
  local function heads_of(x, heads)  -- [N, T, E] -> [N, heads, T, E / heads]
    local n, t, e = unpack(x:shape())
    return x:reshape(n, t, heads, e / heads):permute(1, 3, 2, 4)
  end

  it("attends with each head's share of the features", task(function()
    local layer, x = nn.MultiheadAttention{ 6, 2 }, moon.randn(3, 4, 6)
    local all = moon.linear(x, layer.in_proj_weight, layer.in_proj_bias)
    local parts = {}
    for i = 1, 3 do parts[i] = heads_of(all:narrow(3, 6 * i - 5, 6), 2) end
    local y = moon.attention(unpack(parts)):permute(1, 3, 2, 4)
    near(layer(x), layer.out_proj(y:reshape(3, 4, 6)))
  end))

  it("takes keys and values of another length, and a mask", task(function()
    local layer = nn.MultiheadAttention{ 4, 2, bias = false }
    local q, k = moon.randn(2, 3, 4), moon.randn(2, 5, 4)
    local mask = moon.tensor{ true, true, false, true, false }
    local y = layer(q, k, k, { mask = mask })
    local kept = k:index_select(2, moon.tensor({ 0, 1, 3 },
                                               { dtype = "i64" }))
    near(y, layer(q, kept))
    assert.is_nil(layer.in_proj_bias)
  end))

  it("knows no batch where there is none", task(function()
    local layer, x = nn.MultiheadAttention{ 4, 2 }, moon.randn(1, 5, 4)
    near(layer(x[1], nil, nil, { causal = true }),
         layer(x, nil, nil, { causal = true })[1])
  end))

  it("gives every parameter its gradient", task(function()
    local layer = nn.MultiheadAttention{ 4, 2 }
    layer(moon.randn(2, 3, 4)):sum():backward()
    for _, p in layer:parameters() do
      assert.same(p:shape(), p.grad:shape())
    end
  end))

  it("refuses heads that do not divide, and other features", task(function()
    fails("MultiheadAttention: 3 heads do not divide 4 features",
          function() nn.MultiheadAttention{ 4, 3 } end)
    fails("MultiheadAttention: k is 5x3, %[...%]xTx4 needed", function()
      nn.MultiheadAttention{ 4, 2 }(moon.zeros(5, 4), moon.zeros(5, 3))
    end)
  end))

  it("learns which token a sequence begins with", task(function()
    moon.manual_seed(3)
    local embedding = nn.Embedding{ 6, 16 }
    local place = nn.Embedding{ 5, 16 }
    local attention, norm = nn.MultiheadAttention{ 16, 2 }, nn.LayerNorm{ 16 }
    local head = nn.Linear{ 16, 6 }
    local model = nn.Sequential{ embedding, place, attention, norm, head }
    local opt = optim.SGD{ model, lr = 0.1, momentum = 0.9 }
    local places = moon.arange(5, { dtype = "i64" })
    local first, last
    for _ = 1, 60 do
      local tokens = moon.randint(0, 6, 32, 5)
      local x = embedding(tokens) + place(places)
      x = norm(x + attention(x))
      local loss = nn.cross_entropy(head(x:mean(2)), tokens:select(2, 1))
      opt:zero_grad()
      loss:backward()
      opt:step()
      last = loss:item()
      first = first or last
    end
    assert.is_true(last < 0.6 * first)
  end))
end)
