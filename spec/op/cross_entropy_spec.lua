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

  local function weight(x)
    return moon.tensor({ 0.5, 2, 1.25 }, { dtype = x:dtype(),
                                           device = x:device() })
  end
  for _, reduction in ipairs{ "mean", "sum", "none" } do
    for _, smoothing in ipairs{ 0, 0.2 } do
      op.agrees{ ("to %s, %g smoothed, weighted, one ignored"):format(
                   reduction, smoothing),
                 inputs = { { 4, 3 } }, fn = function(x)
        return moon.cross_entropy(x, op.index(x, { 2, 0, 1, 7 }), {
          weight = weight(x), label_smoothing = smoothing, ignore_index = 7,
          reduction = reduction,
        })
      end }
    end
    op.agrees{ "nll to " .. reduction, inputs = { { 4, 3 } }, fn = function(x)
      return moon.nll(x, op.index(x, { 2, 0, 1, -100 }),
                      { weight = weight(x), reduction = reduction })
    end }
    op.agrees{ "of images to " .. reduction, inputs = { { 2, 3, 2, 2 } },
               fn = function(x)
      local labels = op.index(x, { 2, 0, 1, 0, 1, 1, 2, 0 }):view(2, 2, 2)
      return moon.cross_entropy(x, labels, { reduction = reduction,
                                             weight = weight(x) })
    end }
  end
  op.matches{ "nll of many rows", inputs = { { 3000, 37 } }, fn = function(x)
    local labels = {}
    for i = 1, 3000 do labels[i] = i % 7 == 0 and -100 or i * i % 37 end
    return moon.nll(x, op.index(x, labels), { reduction = "sum" })
  end }
  -- Shares of three classes.
  local function shares(x, n)
    local list = {}
    local some = { 0.5, 0.25, 0.25, 0, 1, 0 }
    for i = 1, n do list[i] = some[(i - 1) % 6 + 1] end
    return moon.tensor(list, { dtype = x:dtype(), device = x:device() })
      :reshape(x:shape())
  end
  for _, reduction in ipairs{ "mean", "sum", "none" } do
    op.agrees{ "of shares to " .. reduction, inputs = { { 4, 3 } },
               fn = function(x)
      return moon.cross_entropy(x, shares(x, 12), { reduction = reduction,
        weight = weight(x), label_smoothing = 0.1 })
    end }
  end
  op.agrees{ "of shares without a batch", inputs = { { 3 } }, fn = function(x)
    return moon.cross_entropy(x, shares(x, 3))
  end }

  op.everywhere("of shares of one class is that of the class",
                function(device)
    local options = { dtype = "f64", device = device }
    local x = moon.tensor({ { 1, 2, 4 }, { 0, -1, 3 } }, options)
    local one = moon.tensor({ { 0, 1, 0 }, { 0, 0, 1 } }, options)
    for _, more in ipairs{ {}, { label_smoothing = 0.3 },
                           { weight = weight(x), reduction = "sum" },
                           { weight = weight(x), reduction = "none" } } do
      local ids = op.index(x, { 1, 2 })
      op.assert_near(op.flat(moon.cross_entropy(x, ids, more)),
                     op.flat(moon.cross_entropy(x, one, more)), 1e-12, device)
    end
  end)

  op.everywhere("of shares has PyTorch's values", function(device)
    local options = { dtype = "f64", device = device }
    local x = moon.tensor({ { 1, 2, 4 }, { 0, -1, 3 } }, options)
    local y = moon.tensor({ { 0.5, 0.25, 0.25 }, { 0, 0.75, 0.25 } }, options)
    for reduction, expected in pairs{
      mean = { 3.88717730730961 }, sum = { 7.77435461461922 },
      none = { 1.9419793419785674, 5.832375272640652 } } do
      op.assert_near(expected, op.flat(moon.cross_entropy(x, y, {
        weight = weight(x), label_smoothing = 0.1, reduction = reduction })),
        1e-12, reduction)
    end
  end)

  op.refuses("shares of another shape",
             "labels that are shares (f32) are 4x2, logits 4x3", function()
    moon.cross_entropy(moon.zeros(4, 3), moon.zeros(4, 2))
  end)

  op.agrees{ "of one row without a batch", inputs = { { 3 } },
             fn = function(x)
    local label = moon.tensor(1, { dtype = "i64", device = x:device() })
    return moon.cross_entropy(x, label)
           + moon.nll(x, label, { reduction = "none" })
  end }

  op.everywhere("of ignored rows is 0, their mean NaN", function(device)
    local x = moon.tensor({ { 1, 0 / 0 }, { 3, 4 } }, { device = device })
    x:requires_grad()
    local labels = op.index(x, { -100, -100 })
    local mean = moon.cross_entropy(x, labels):item()
    assert.is_true(mean ~= mean)
    local each = moon.cross_entropy(x, labels, { reduction = "none" })
    assert.same({ 0, 0 }, op.flat(each))
    moon.cross_entropy(x, labels):backward()
    assert.same({ 0, 0, 0, 0 }, op.flat(x.grad))
  end)

  op.everywhere("has none of a label out of range in any form",
                function(device)
    local x = moon.zeros(2, 3, { device = device }):requires_grad()
    local labels = op.index(x, { 1, -1 })
    for _, o in ipairs{ { reduction = "none" }, { reduction = "sum" },
                        { weight = moon.ones(3, { device = device }) },
                        { label_smoothing = 0.5, ignore_index = 0 } } do
      local loss = moon.cross_entropy(x, labels, o)
      assert.error_matches(function() loss:await() end,
                           "cross_entropy: label %-1 at position 2")
    end
    local loss = moon.nll(x, labels)
    assert.error_matches(function() loss:await() end,
                         "nll: label %-1 at position 2")
  end)

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
  local i64 = { dtype = "i64" }
  op.refuses("labels of other images",
             "cross_entropy: labels 2x4x5 for logits 2x3x5x4", function()
    moon.cross_entropy(moon.zeros(2, 3, 5, 4), moon.zeros(2, 4, 5, i64))
  end)
  op.refuses("another number of weights",
             "cross_entropy: weight is 2, 3 needed", function()
    moon.cross_entropy(moon.zeros(2, 3), moon.zeros(2, i64),
                       { weight = moon.ones(2) })
  end)
  op.refuses("weights of another dtype",
             "cross_entropy: weight is f64, x is f32; cast one", function()
    moon.cross_entropy(moon.zeros(2, 3), moon.zeros(2, i64),
                       { weight = moon.ones(3, { dtype = "f64" }) })
  end)
  op.refuses("too much smoothing",
             "cross_entropy: label smoothing 1.5 is outside [0, 1]", function()
    moon.cross_entropy(moon.zeros(2, 3), moon.zeros(2, i64),
                       { label_smoothing = 1.5 })
  end)
  op.refuses("an unknown reduction",
             "cross_entropy: no reduction 'max' (mean, sum, none)", function()
    moon.cross_entropy(moon.zeros(2, 3), moon.zeros(2, i64),
                       { reduction = "max" })
  end)
  op.refuses("an unknown option", "nll: no option 'label_smoothing'",
             function()
    moon.nll(moon.zeros(2, 3), moon.zeros(2, i64), { label_smoothing = 0 })
  end)
end)
