-- Pooling, and transposed convolution, as layers.
local task = require "support.task"
local moon = require "moonseed"
local nn = moon.nn

local exact = { rtol = 0, atol = 0 }

local function fails(pattern, fn) assert.error_matches(fn, pattern) end

describe("nn.AvgPool2d", function()
  it("is avg_pool2d with its options", task(function()
    local x = moon.randn(2, 3, 6, 5)
    local options = { 3, stride = 2, padding = 1, count_padding = false }
    assert.is_true(moon.allclose(nn.AvgPool2d(options)(x),
                                 x:avg_pool2d(options), exact))
    assert.same({ 2, 3, 3, 2 }, nn.AvgPool2d{ 2 }(x):shape())
    fails("avg_pool2d: kernel is missing", function() nn.AvgPool2d{} end)
    fails("avg_pool2d: no option 'strid'",
          function() nn.AvgPool2d{ 2, strid = 1 } end)
  end))
end)

for _, name in ipairs{ "MaxPool2d", "AvgPool2d" } do
  it("nn." .. name .. " may have a window that reaches out", task(function()
    local x = moon.zeros(1, 2, 5, 5)
    assert.same({ 1, 2, 3, 3 }, nn[name]{ 2, ceil_mode = true }(x):shape())
    assert.same({ 1, 2, 2, 2 }, nn[name]{ 2 }(x):shape())
  end))
end

for _, name in ipairs{ "AdaptiveAvgPool2d", "AdaptiveMaxPool2d" } do
  it("nn." .. name .. " gives its size for any input", task(function()
    local pool = nn[name]{ { 2, 3 } }
    assert.same({ 1, 4, 2, 3 }, pool(moon.zeros(1, 4, 9, 7)):shape())
    assert.same({ 1, 4, 2, 3 }, pool(moon.zeros(1, 4, 2, 3)):shape())
    fails(name .. ": size is a whole number of at least 1, not 0",
          function() nn[name]{ 0 } end)
  end))
end

describe("nn.ConvTranspose2d", function()
  it("has PyTorch's shapes and bounds", task(function()
    local conv = nn.ConvTranspose2d{ 4, 6, kernel = { 3, 2 }, stride = 2,
                                     padding = 1, output_padding = { 1, 0 },
                                     groups = 2 }
    assert.same({ 4, 3, 3, 2 }, conv.weight:shape())
    assert.same({ 6 }, conv.bias:shape())
    assert.same({ 1, 6, 10, 8 }, conv(moon.zeros(1, 4, 5, 5)):shape())
    for _, p in conv:parameters() do
      assert.is_true(p:abs():max():item() <= (3 * 3 * 2) ^ -0.5)
    end
    assert.is_nil(nn.ConvTranspose2d{ 1, 1, kernel = 2, bias = false }.bias)
  end))

  it("refuses options that do not fit", task(function()
    fails("ConvTranspose2d: 3 groups do not divide 4 inputs and 6 outputs",
          function() nn.ConvTranspose2d{ 4, 6, kernel = 1, groups = 3 } end)
    fails("ConvTranspose2d: kernel is missing",
          function() nn.ConvTranspose2d{ 4, 6 } end)
  end))
end)
