local moon = require "moonseed"
local op = require "support.op"
local task = require "support.task"

local function conv_add(options)
  return function(x, w, b, z) return moon.conv2d_add(x, w, b, z, options) end
end

local function conv(options)
  return function(x, w, b) return moon.conv2d(x, w, b, options) end
end

describe("conv2d", function()
  op.agrees{ "of 3x3 with bias",
             inputs = { { 2, 3, 5, 4 }, { 4, 3, 3, 3 }, { 4 } },
             fn = conv{ padding = 1 } }
  op.agrees{ "asymmetric, in groups",
             inputs = { { 1, 4, 6, 5 }, { 6, 2, 3, 2 } },
             fn = conv{ stride = { 2, 1 }, padding = { 1, 0 },
                        dilation = { 1, 2 }, groups = 2 } }
  op.agrees{ "depthwise",
             inputs = { { 2, 3, 4, 4 }, { 6, 1, 2, 3 }, { 6 } },
             fn = conv{ stride = { 1, 2 }, padding = { 0, 2 },
                        dilation = { 2, 1 }, groups = 3 } }
  op.agrees{ "of 1x1 with ReLU",
             inputs = { { 2, 3, 4, 4 }, { 2, 3, 1, 1 }, { 2 } },
             fn = conv{ epilogue = "relu" } }
  op.agrees{ "with ReLU, without bias",
             inputs = { { 1, 1, 4, 4 }, { 2, 1, 3, 3 } },
             fn = conv{ padding = 1, epilogue = "relu" } }
  op.agrees{ "of one place", inputs = { { 1, 1, 1, 1 }, { 1, 1, 1, 1 } },
             fn = conv() }
  op.agrees{ "of no images",
             inputs = { { 0, 2, 4, 4 }, { 3, 2, 3, 3 }, { 3 } },
             fn = conv{ epilogue = "relu" } }

  local added = { { 2, 3, 5, 4 }, { 4, 3, 3, 3 }, { 4 }, { 2, 4, 5, 4 } }
  op.agrees{ "plus a tensor", inputs = added, fn = conv_add{ padding = 1 } }
  op.agrees{ "plus a tensor, with ReLU", inputs = added,
             fn = conv_add{ padding = 1, epilogue = "relu" } }
  op.agrees{ "plus a tensor, without bias",
             inputs = { { 2, 2, 4, 4 }, { 2, 2, 1, 1 }, { 2, 2, 4, 4 } },
             fn = function(x, w, z) return moon.conv2d_add(x, w, nil, z) end }
  op.agrees{ "plus one that repeats",
             inputs = { { 2, 2, 4, 4 }, { 3, 2, 3, 3 }, { 3 }, { 3, 1, 1 } },
             fn = conv_add{ epilogue = "relu" } }
  op.agrees{ "plus a tensor, of no images",
             inputs = { { 0, 2, 4, 4 }, { 3, 2, 3, 3 }, { 3 }, { 0, 3, 2, 2 } },
             fn = conv_add() }

  op.everywhere("gives back what is added where the weights are zero",
                function(device)
    local o = { device = device }
    local z = moon.randn(2, 3, 4, 4, o)
    local w, b = moon.zeros(3, 2, 3, 3, o), moon.zeros(3, o)
    local y = moon.conv2d_add(moon.randn(2, 2, 4, 4, o), w, b, z,
                              { padding = 1 })
    assert.same(op.flat(z), op.flat(y))
  end)

  op.everywhere("has the bias's gradient alone", function(device)
    local o = { device = device }
    local b = moon.zeros(2, o):requires_grad()
    moon.conv2d(moon.ones(3, 1, 2, 2, o), moon.ones(2, 1, 1, 1, o), b)
      :sum():backward()
    assert.same({ 12, 12 }, op.flat(b.grad))
  end)

  op.everywhere("adds a second gradient to the first", function(device)
    local o = { device = device }
    local x = moon.ones(2, 1, 2, 2, o)
    local w = moon.ones(1, 1, 1, 1, o):requires_grad()
    local b = moon.ones(1, o):requires_grad()
    for _ = 1, 3 do moon.conv2d(x, w, b):sum():backward() end
    assert.same({ 24 }, op.flat(w.grad))
    assert.same({ 24 }, op.flat(b.grad))
  end)

  it("gives channels-last memory, which elementwise ops and cat keep",
     task(function()
    local y = moon.conv2d(moon.zeros(2, 3, 4, 5), moon.zeros(6, 3, 1, 1))
    for _, t in ipairs{ y, y:relu(), y + moon.zeros(6, 1, 1),
                        moon.cat({ y, y }, 2), y:max_pool2d(2) } do
      assert.same({ t:numel() }, t:permute(1, 3, 4, 2):view(-1):shape())
    end
  end))

  op.refuses("other channels than w's",
             "conv2d: w expects 3 input channels, x has 16 " ..
             "(x 8x16x32x32, w 64x3x3x3)", function()
    moon.conv2d(moon.zeros(8, 16, 32, 32), moon.zeros(64, 3, 3, 3))
  end)
  op.refuses("to add what does not fit", "add: ", function()
    moon.conv2d_add(moon.zeros(1, 2, 4, 4), moon.zeros(3, 2, 3, 3), nil,
                    moon.zeros(1, 2, 2, 2))
  end)
  op.refuses("groups that do not divide",
             "conv2d: 2 groups do not divide 3 input and 4 output channels",
             function()
    moon.conv2d(moon.zeros(1, 3, 4, 4), moon.zeros(4, 1, 1, 1), nil,
                { groups = 2 })
  end)
  op.refuses("a kernel that does not fit",
             "conv2d: a kernel of 3 (dilation 2) does not fit into height " ..
             "4 (padding 0)", function()
    moon.conv2d(moon.zeros(1, 1, 4, 8), moon.zeros(1, 1, 3, 3), nil,
                { dilation = 2 })
  end)
  op.refuses("an output that is too large", "more than 2^48 elements",
             function()
    moon.conv2d(moon.zeros(1, 1, 4, 4), moon.zeros(1, 1, 1, 1), nil,
                { padding = 2 ^ 30 })
  end)
end)

-- Random configurations, small but for channels. Inputs are multiples of 1/64
-- below 1, so that sums are exact in f32 and ReLU's kinks are no trouble.
local CONFIGURATIONS = 320

local function text(case)
  local x, w, o = case.inputs[1], case.inputs[2], case.options
  return ("x %s, w %s, stride %dx%d, padding %dx%d, dilation %dx%d, " ..
          "groups %d, %s, %s"):format(
    table.concat(x, "x"), table.concat(w, "x"), o.stride[1], o.stride[2],
    o.padding[1], o.padding[2], o.dilation[1], o.dilation[2], o.groups,
    case.inputs[3] and "bias" or "no bias", o.epilogue)
end

local function draw(rng)
  local groups = ({ 1, 1, 1, 2, 3, 8 })[rng(1, 6)]
  local depth = ({ 1, 2, 3, 5, 16, 24 })[rng(1, groups == 1 and 6 or 3)]
  local filters = groups * ({ 1, 2, 3, 8, 17 })[rng(1, groups == 1 and 5 or 3)]
  local options = {
    stride = { rng(1, 3), rng(1, 3) }, padding = { rng(0, 2), rng(0, 2) },
    dilation = { rng(1, 2), rng(1, 2) }, groups = groups,
    epilogue = rng(0, 1) == 1 and "relu" or "none",
  }
  local kernel, size = { rng(1, 4), rng(1, 4) }, {}
  if rng(1, 4) == 1 then  -- the common one
    kernel = { 3, 3 }
    options.stride, options.dilation = { 1, 1 }, { 1, 1 }
    options.padding = { 1, 1 }
  end
  for i = 1, 2 do
    local least = options.dilation[i] * (kernel[i] - 1) + 1
                  - 2 * options.padding[i]
    size[i] = math.max(least, 1) + rng(0, 5)
  end
  local inputs = {
    { rng(1, 3), groups * depth, size[1], size[2] },
    { filters, depth, kernel[1], kernel[2] },
    rng(0, 1) == 1 and { filters } or nil,
  }
  return { inputs = inputs, options = options, fn = conv(options) }
end

describe("random convolutions", function()
  it("agree with ref in f64", task(function()
    local rng, orders = op.rng(2026), { "rows", "reversed", "channels_last" }
    for i = 1, CONFIGURATIONS do
      local case = draw(rng)
      local exact = op.compute(case, "f64", "ref")
      for _, device in ipairs(op.devices) do
        op.assert_same(exact, op.compute(case, "f32", device,
                                             orders[i % 3 + 1]),
                       1e-5, device .. ": " .. text(case))
      end
    end
  end))
end)
