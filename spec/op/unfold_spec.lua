local moon = require "moonseed"
local op = require "support.op"
local task = require "support.task"

describe("unfold", function()
  local function unfold(options)
    return function(x) return x:unfold(options) end
  end
  op.agrees{ "of 2x2", inputs = { { 2, 2, 3, 4 } }, fn = unfold(2) }
  op.agrees{ "of windows that differ by direction", inputs = { { 1, 2, 5, 6 } },
             fn = unfold{ { 3, 2 }, stride = { 1, 2 }, padding = { 2, 1 },
                          dilation = { 2, 1 } } }
  op.agrees{ "of one place", inputs = { { 1, 1, 1, 1 } }, fn = unfold(1) }
  op.agrees{ "of no images", inputs = { { 0, 2, 3, 3 } },
             fn = unfold{ 2, padding = 1 } }
  op.matches{ "of many channels", inputs = { { 5, 19, 17, 23 } },
              fn = unfold{ 3, stride = 2, padding = 1 } }

  it("gives columns whose product with a weight is a convolution",
     task(function()
    local x, w = moon.randn(2, 3, 6, 5), moon.randn(4, 3, 3, 3)
    local y = w:flatten(2):matmul(x:unfold{ 3, padding = 1 })
    assert.is_true(moon.allclose(y:reshape(2, 4, 6, 5),
                                 moon.conv2d(x, w, nil, { padding = 1 }),
                                 { atol = 1e-5 }))
  end))

  op.refuses("a kernel that does not fit",
             "unfold: a kernel of 5 (dilation 1) does not fit into width 4",
             function() moon.zeros(1, 1, 5, 4):unfold(5) end)
  op.refuses("three dimensions",
             "unfold: x has 3 dimensions (1x5x4), expected 4",
             function() moon.zeros(1, 5, 4):unfold(2) end)
end)

describe("fold", function()
  local function fold(options)
    return function(x) return x:fold(options) end
  end
  op.agrees{ "of 2x2", inputs = { { 2, 8, 6 } }, fn = fold{ { 3, 4 }, 2 } }
  op.agrees{ "of windows that differ by direction", inputs = { { 1, 12, 15 } },
             fn = fold{ { 5, 6 }, { 3, 2 }, stride = { 1, 3 },
                        padding = { 2, 1 }, dilation = { 2, 1 } } }
  op.agrees{ "of one place", inputs = { { 1, 1, 1 } }, fn = fold{ 1, 1 } }
  op.agrees{ "of no images", inputs = { { 0, 4, 4 } }, fn = fold{ 3, 2 } }

  it("counts how often unfold shows a place", task(function()
    local x = moon.ones(1, 1, 3, 3)
    assert.same({ 1, 2, 1, 2, 4, 2, 1, 2, 1 },
                op.flat(x:unfold(2):fold{ 3, 2 }))
  end))

  op.refuses("columns of another kernel",
             "fold: x is 1x5x4, 1x[channels]x4x4 (kernel, places) needed",
             function() moon.zeros(1, 5, 4):fold{ 3, 2 } end)
  op.refuses("other numbers of places",
             "fold: x is 1x4x5, 1x[channels]x4x4 (kernel, places) needed",
             function() moon.zeros(1, 4, 5):fold{ 3, 2 } end)
end)
