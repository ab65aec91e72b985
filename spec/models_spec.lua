-- moon.models: sizes, shapes, and that they learn. PyTorch's values of whole
-- networks are in golden_spec.
local task = require "support.task"
local moon = require "moonseed"
local nn, optim, models = moon.nn, moon.optim, moon.models

local function count(model)
  local n = 0
  for _, p in model:parameters() do n = n + p:numel() end
  return n
end

describe("moon.models", function()
  it("have the known numbers of parameters", task(function()
    assert.equal(61706, count(models.lenet{ 10 }))
    assert.equal(6573120, count(models.resnet9{ 10 }))
    assert.equal(11173962, count(models.resnet18{ 10 }))
    assert.equal(2693194, count(models.vit{ 10 }))
  end))

  it("take images of other channels and sizes", task(function()
    assert.same({ 2, 7 }, models.lenet{ 7, inputs = 3 }(
      moon.randn(2, 3, 28, 28)):shape())
    assert.same({ 2, 7 }, models.resnet9{ 7, inputs = 1, width = 2 }(
      moon.randn(2, 1, 28, 28)):shape())
    assert.same({ 2, 7 }, models.resnet18{ 7, inputs = 1, width = 2 }(
      moon.randn(2, 1, 9, 12)):shape())
  end))

  it("learn a batch by heart", task(function()
    moon.manual_seed(1)
    local x, y = moon.randn(16, 1, 28, 28), moon.randint(0, 3, 16)
    for _, model in ipairs{ models.lenet{ 3 },
                            models.resnet9{ 3, inputs = 1, width = 4 },
                            models.resnet18{ 3, inputs = 1, width = 4 },
                            models.vit{ 3, inputs = 1, size = 28, patch = 7,
                                        width = 32, depth = 2, heads = 2 } } do
      local opt = optim.SGD{ model, lr = 0.05, momentum = 0.9 }
      local loss
      for _ = 1, 40 do
        moon.tidy(function()
          loss = nn.cross_entropy(model(x), y):keep()
          opt:zero_grad()
          loss:backward()
          opt:step()
        end)
      end
      assert.is_true(loss:item() < 0.2, loss:item())
    end
  end))

  it("can be described and made again", task(function()
    for _, model in ipairs{ models.resnet18{ 3, width = 2 },
                            models.vit{ 3, width = 6, depth = 1 } } do
      local other = nn.describe.rebuild(nn.describe.describe(model))
      assert.equal(tostring(model), tostring(other))
    end
  end))

  it("refuse options that do not fit", task(function()
    assert.error_matches(function() models.resnet18{} end,
                         "resnet18: classes is missing")
    assert.error_matches(function() models.resnet9{ 10, widht = 4 } end,
                         "resnet9: no option 'widht'")
    assert.error_matches(function() models.vit{ 10, width = 10 } end,
                         "MultiheadAttention: 3 heads do not divide 10")
    assert.is_nil(models.resnet1000)
  end))
end)
