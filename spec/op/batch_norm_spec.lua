local moon = require "moonseed"
local bits = require "support.bits"
local op = require "support.op"
local task = require "support.task"

-- Normalises with running statistics { 0.25 ... } and { 1.5 ... } on x's side.
local function norm(training, epilogue)
  return function(x, weight, bias)
    local o = { dtype = x:dtype(), device = x:device() }
    return moon.batch_norm(x, {
      mean = moon.full({ x:size(2) }, 0.25, o),
      var = moon.full({ x:size(2) }, 1.5, o),
      weight = weight, bias = bias, eps = 1e-3, training = training,
      epilogue = epilogue,
    })
  end
end

describe("batch_norm", function()
  local x, c = { 2, 3, 2, 2 }, { 3 }
  op.agrees{ "in training", inputs = { x, c, c }, fn = norm(true),
             tolerance = 3e-5 }
  op.agrees{ "in training, without weights", inputs = { x },
             fn = norm(true), tolerance = 3e-5 }
  op.agrees{ "in training, of many channels",
             inputs = { { 2, 17, 2, 1 }, { 17 }, { 17 } }, fn = norm(true),
             tolerance = 3e-5 }
  op.agrees{ "after training", inputs = { x, c, c }, fn = norm(false) }
  op.agrees{ "after training, without weights", inputs = { x },
             fn = norm(false) }
  op.agrees{ "in training, with ReLU", inputs = { x, c, c },
             fn = norm(true, "relu"), tolerance = 3e-5 }
  op.agrees{ "in training, with ReLU, without weights", inputs = { x },
             fn = norm(true, "relu"), tolerance = 3e-5 }
  op.agrees{ "after training, with ReLU", inputs = { x, c, c },
             fn = norm(false, "relu") }
  for _, shape in ipairs{ { 2, 3, 4, 6 }, { 3, 8, 2, 4 }, { 2, 3, 5, 4 } } do
    shape.fill = "distinct"
    local channels = { shape[2] }
    op.agrees{ ("in training, with ReLU and pooling, of %dx%d"):format(
                 shape[3], shape[4]),
               inputs = { shape, channels, channels },
               fn = norm(true, "relu_pool"), tolerance = 3e-5 }
  end
  op.agrees{ "after training, with ReLU and pooling",
             inputs = { { 2, 3, 4, 4, fill = "distinct" }, c, c },
             fn = norm(false, "relu_pool") }
  op.agrees{ "after training, of no images", inputs = { { 0, 3, 2, 2 }, c, c },
             fn = norm(false) }

  op.everywhere("with ReLU and pooling gives the bits of the three calls",
                function(device)
    local function run(dtype, fused)
      moon.manual_seed(1)
      local o = { device = device }
      local images = moon.randn({ 3, 16, 6, 10 }, o)
      images[2][7][3][5] = 0 / 0
      images = images:to(dtype):detach():requires_grad()
      local w = moon.randn({ 16 }, o):requires_grad()
      local b = moon.randn({ 16 }, o):requires_grad()
      local y = moon.batch_norm(images, {
        mean = moon.zeros({ 16 }, o), var = moon.ones({ 16 }, o),
        weight = w, bias = b, training = true,
        epilogue = fused and "relu_pool" or nil })
      if not fused then y = y:relu():max_pool2d{ 2 } end
      y:backward(moon.randn({ 3, 16, 3, 5 }, o):to(dtype))
      return { y, images.grad, w.grad, b.grad }
    end
    local dtypes = device == "cuda:0" and { "f32", "bf16", "f16" } or { "f32" }
    for _, dtype in ipairs(dtypes) do
      local one, two = run(dtype, true), run(dtype, false)
      for i = 1, 4 do
        assert.equal(bits.of(two[i]:to("f32")), bits.of(one[i]:to("f32")))
      end
    end
  end)

  -- Channels with a weight of 0 and below, a NaN, more than one part; and x so
  -- far from 0 that it takes every float around the place where y is 0.
  it("with ReLU gives the bits of the two calls, gradients too",
     task(function()
    local function run(fused)
      moon.manual_seed(1)
      local images = moon.randn(9, 40, 31, 19) + 2 ^ 17
      images[2][7][3][5] = 0 / 0
      local leaves = { images:requires_grad(),
                       moon.randn(40):requires_grad(),
                       moon.randn(40):requires_grad() }
      moon.no_grad(function()
        leaves[2][1], leaves[2][2], leaves[3][2] = 0, 0, -1
      end)
      local y = norm(true, fused and "relu")(unpack(leaves))
      if not fused then y = y:relu() end
      y:backward(moon.randn(9, 40, 31, 19))
      return { y, leaves[1].grad, leaves[2].grad, leaves[3].grad }
    end
    local one, two = run(true), run(false)
    for i = 1, 4 do assert.equal(bits.of(two[i]), bits.of(one[i])) end
  end))

  op.everywhere("moves the running statistics in training", function(device)
    local o = { device = device }
    local mean, var = moon.zeros(1, o), moon.ones(1, o)
    local images = moon.tensor({ 1, 2, 3, 4 }, o):reshape(2, 1, 1, 2)
    moon.batch_norm(images, { mean = mean, var = var, training = true })
    assert.near(0.25, mean:item(), 1e-6)
    assert.near(0.9 + 0.1 * 5 / 3, var:item(), 1e-6)
    moon.batch_norm(images, { mean = mean, var = var })
    assert.near(0.25, mean:item(), 1e-6)
  end)

  it("moves nothing when its input carries an error", task(function()
    local bad = moon.zeros(2, 2):index_select(1, moon.full({ 1 }, 9,
                                              { dtype = "i64" }))
    local mean, var = moon.zeros(1), moon.ones(1)
    local y = moon.batch_norm(bad:reshape(1, 1, 1, 2),
                              { mean = mean, var = var, training = true })
    assert.error_matches(function() y:await() end, "index 9")
    assert.equal(0, mean:item())
    assert.equal(1, var:item())
  end))

  it("shared by tasks that wait, moves in their order, whoever steps meanwhile",
     task(function()
    local function run(ms)
      moon.manual_seed(1)
      local shared = moon.nn.BatchNorm2d{ 2 }
      local w = moon.ones(2):requires_grad()
      local opt = moon.optim.SGD{ { w }, lr = 0.1 }
      local function images(i) return moon.full({ 1, 2, 2, 2 }, i) end
      moon.gather(function()
        moon.sleep(5)
        w:sum():backward()
        opt:step()
      end, function()
        moon.sleep(ms)
        shared(images(1))
        shared(images(2))
      end, function() shared(images(3)) end)
      assert.is_false(shared.running_mean:is_ready()
                      and shared.running_mean:eq(0):min():item())
      return shared.running_mean:totable()
    end
    local wanted = run(0)
    assert.same(wanted, run(10))
    assert.same(wanted, run(2))
  end))

  it("with wrong statistics is refused, and others go on", task(function()
    local images, good = moon.randn(2, 2, 2, 2), moon.nn.BatchNorm2d{ 2 }
    local other = { device = "ref" }
    assert.error_matches(function()
      moon.batch_norm(images, { mean = moon.zeros(2, other),
                           var = moon.ones(2, other), training = true })
    end, "batch_norm: running mean is on ref, x on cpu")
    local gone = moon.zeros(2)
    gone:dispose()
    assert.error_matches(function()
      moon.batch_norm(images, { mean = gone, var = moon.ones(2),
                                training = true })
    end, "batch_norm: .*disposed")
    good(images):await()
    assert.is_true(good.running_mean:ne(0):min():item())
  end))

  op.refuses("one value per channel",
             "batch_norm: 1 values per channel, training needs 2 or more",
             function() norm(true)(moon.zeros(1, 3, 1, 1)) end)
  op.refuses("statistics of another size",
             "batch_norm: running mean is 2, 3 needed", function()
    moon.batch_norm(moon.zeros(2, 3, 2, 2),
                    { mean = moon.zeros(2), var = moon.ones(3) })
  end)
end)
