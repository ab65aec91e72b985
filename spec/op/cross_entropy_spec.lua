local moon = require "moonseed"
local op = require "support.op"
local task = require "support.task"

describe("cross_entropy", function()
  op.agrees{ "of four rows", inputs = { { 4, 3 } }, fn = function(x)
    return moon.cross_entropy(x, op.index(x, { 2, 0, 1, 2 }))
  end }
  op.agrees{ "of one row and class", inputs = { { 1, 1 } }, fn = function(x)
    return moon.cross_entropy(x, op.index(x, { 0 }))
  end }

  op.everywhere("is minus the logarithm of the softmax", function(device)
    local x = moon.tensor({ { 1000, 999 }, { -5, 5 } }, { device = device })
    local loss = moon.cross_entropy(x, op.index(x, { 0, 0 })):item()
    local expected = (math.log(1 + math.exp(-1)) +
                      math.log(1 + math.exp(10))) / 2
    assert.near(expected, loss, 1e-5)
    assert.same({}, moon.cross_entropy(x, op.index(x, { 0, 0 })):shape())
  end)

  op.everywhere("has a gradient as exact for large logits", function(device)
    for _, large in ipairs{ 0, 1e3, 1e6 } do
      local x = moon.tensor({ { large, large, large - 1 } },
                            { device = device }):requires_grad()
      moon.cross_entropy(x, op.index(x, { 0 })):backward()
      local sum = 2 + math.exp(-1)
      local exact = { 1 / sum - 1, 1 / sum, math.exp(-1) / sum }
      for i, g in ipairs(op.flat(x.grad)) do assert.near(exact[i], g, 1e-6) end
    end
  end)

  op.everywhere("of none is NaN", function(device)
    local x = moon.zeros(0, 3, { device = device })
    local labels = moon.zeros(0, { dtype = "i64", device = device })
    local loss = moon.cross_entropy(x, labels):item()
    assert.is_true(loss ~= loss)
  end)

  op.everywhere("carries the error of a label out of range", function(device)
    local x = moon.zeros(2, 3, { device = device })
    local loss = moon.cross_entropy(x, op.index(x, { 1, 3 }))
    assert.error_matches(function() loss:item() end,
                         "cross_entropy: label 3 at position 2 is outside")
  end)

  it("passes that error on, and nothing else fails", task(function()
    local x = moon.zeros(1, 2):requires_grad()
    moon.cross_entropy(x, op.index(x, { 2 })):backward()
    assert.error_matches(function() x.grad:await() end, "cross_entropy")
    assert.same({ 0, 0 }, op.flat(x))
  end))

  op.refuses("labels that are no i64",
             "cross_entropy: labels is f32; i64 needed", function()
    moon.cross_entropy(moon.zeros(2, 3), moon.zeros(2))
  end)
  op.refuses("another number of labels",
             "cross_entropy: 3 labels for 2 rows (logits 2x3)", function()
    moon.cross_entropy(moon.zeros(2, 3), moon.zeros(3, { dtype = "i64" }))
  end)
end)
