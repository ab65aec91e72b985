local moon = require "moonseed"
local op = require "support.op"
local task = require "support.task"

local function conv(options)
  return function(x, w, b) return moon.conv_transpose2d(x, w, b, options) end
end

describe("conv_transpose2d", function()
  op.agrees{ "of 3x3 with bias",
             inputs = { { 2, 3, 4, 3 }, { 3, 4, 3, 3 }, { 4 } },
             fn = conv{ padding = 1 } }
  op.agrees{ "that doubles the size",
             inputs = { { 2, 3, 3, 4 }, { 3, 2, 2, 2 } },
             fn = conv{ stride = 2 } }
  op.agrees{ "asymmetric, in groups, with output padding",
             inputs = { { 1, 4, 3, 4 }, { 4, 3, 3, 2 }, { 6 } },
             fn = conv{ stride = { 2, 1 }, padding = { 1, 0 }, groups = 2,
                        dilation = { 1, 3 }, output_padding = { 1, 2 } } }
  op.agrees{ "depthwise", inputs = { { 2, 3, 3, 3 }, { 3, 1, 3, 3 } },
             fn = conv{ stride = 2, padding = 1, output_padding = 1,
                        groups = 3 } }
  op.agrees{ "of one place", inputs = { { 1, 1, 1, 1 }, { 1, 1, 1, 1 } },
             fn = conv() }
  op.agrees{ "of no images", inputs = { { 0, 2, 3, 3 }, { 2, 3, 2, 2 },
                                        { 3 } },
             fn = conv() }
  op.matches{ "of many channels", tolerance = 3e-5,
              inputs = { { 5, 33, 9, 11 }, { 33, 17, 3, 3 }, { 17 } },
              fn = conv{ stride = 2, padding = 1, output_padding = 1 } }

  op.everywhere("adds a second gradient to the first", function(device)
    local o = { device = device }
    local x = moon.ones(2, 1, 2, 2, o)
    local w = moon.ones(1, 1, 1, 1, o):requires_grad()
    local b = moon.ones(1, o):requires_grad()
    for _ = 1, 3 do moon.conv_transpose2d(x, w, b):sum():backward() end
    assert.same({ 24 }, op.flat(w.grad))
    assert.same({ 24 }, op.flat(b.grad))
  end)

  it("is the gradient of conv2d", task(function()
    local x = moon.randn(2, 3, 7, 8):requires_grad()
    local w = moon.randn(4, 3, 3, 3)
    local o = { stride = 2, padding = 1 }
    local y = moon.conv2d(x, w, nil, o)
    local dy = moon.randn(y:shape())
    y:backward(dy)
    local back = moon.conv_transpose2d(dy, w, nil, {
      stride = 2, padding = 1, output_padding = { 0, 1 } })
    assert.is_true(moon.allclose(back, x.grad, { atol = 1e-5 }))
  end))

  op.refuses("other channels than w's",
             "conv_transpose2d: w expects 3 input channels, x has 2 " ..
             "(x 1x2x4x4, w 3x2x3x3)", function()
    moon.conv_transpose2d(moon.zeros(1, 2, 4, 4), moon.zeros(3, 2, 3, 3))
  end)
  op.refuses("output padding like the stride",
             "conv_transpose2d: output padding 2 is not less than stride 2 " ..
             "or dilation 1", function()
    moon.conv_transpose2d(moon.zeros(1, 2, 4, 4), moon.zeros(2, 2, 3, 3), nil,
                          { stride = 2, output_padding = 2 })
  end)
  op.refuses("padding that leaves nothing",
             "conv_transpose2d: padding 2 leaves nothing of the height",
             function()
    moon.conv_transpose2d(moon.zeros(1, 2, 1, 4), moon.zeros(2, 2, 3, 3), nil,
                          { padding = 2 })
  end)
  op.refuses("groups that do not divide",
             "conv_transpose2d: 2 groups do not divide 3 input channels",
             function()
    moon.conv_transpose2d(moon.zeros(1, 3, 4, 4), moon.zeros(3, 2, 3, 3), nil,
                          { groups = 2 })
  end)
  op.refuses("a bias of another size", "conv_transpose2d: b is 3, 2 needed",
             function()
    moon.conv_transpose2d(moon.zeros(1, 3, 4, 4), moon.zeros(3, 2, 3, 3),
                          moon.zeros(3))
  end)
end)
