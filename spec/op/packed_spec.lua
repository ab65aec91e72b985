-- Weights that a convolution keeps in an order of its own (core/op/packed.c):
-- nobody sees them, but for the time they save.

local moon = require "moonseed"
local op = require "support.op"
local sim = require "moonseed.sim"
local task = require "support.task"

local OPTIONS = { padding = 1 }

-- Images in channels-last memory, which is not copied.
local function images(n, device)
  local x = moon.randn({ n, 6, 6, 16 }, { device = device })
  return x:permute(1, 4, 2, 3)
end

-- A convolution that the cpu backend packs weights for; its plan is known.
local function setup(device)
  local x = images(8, device or "cpu")
  local w = moon.randn({ 16, 16, 3, 3 }, { device = x:device() })
  for _ = 1, 2 do moon.conv2d(x, w, nil, OPTIONS):await() end
  return x, w
end

local function assert_right(x, w)
  local y = moon.conv2d(x, w, nil, OPTIONS)
  local exact = moon.conv2d(x:to("ref"):to("f64"), w:to("ref"):to("f64"), nil,
                            OPTIONS)
  assert.is_true(moon.allclose(y:to("ref"):to("f64"), exact,
                               { rtol = 1e-4, atol = 1e-4 }))
end

-- Ops that a convolution takes.
local function ops_of(x, w)
  local before = moon.stats().ops
  moon.conv2d(x, w, nil, OPTIONS):await()
  return moon.stats().ops - before
end

describe("packed weights", function()
  it("are made once for a weight that stays", task(function()
    local x, w = setup()
    assert.equal(1, ops_of(x, w))
    w:add_(1)
    assert.equal(2, ops_of(x, w))
    assert.equal(1, ops_of(x, w))
    moon.conv2d(images(4), moon.randn(16, 16, 3, 3), nil, OPTIONS):await()
    local half = images(4)
    assert.equal(1, ops_of(half, w))
  end))

  it("are kept by a weight that is trained only where they are small",
     task(function()
       local small, large = moon.randn(16, 16, 3, 3), moon.randn(256, 128, 3, 3)
       local few, many = images(8), moon.randn(2, 12, 12, 128)
       many = many:permute(1, 4, 2, 3)
       for _, case in ipairs{ { few, small, 1 }, { many, large, 2 } } do
         local x, w, n = unpack(case)
         for _ = 1, 2 do moon.conv2d(x, w, nil, OPTIONS):await() end
         w:copy_(w * 0.01):requires_grad()
         local held = moon.stats().live_bytes
         ops_of(x, w)
         assert.equal(n, ops_of(x, w))
         assert_right(x, w)
         collectgarbage()
         collectgarbage()
         moon.synchronize()
         local more = moon.stats().live_bytes - held
         assert.is_true(more < 2 ^ 20, more)
         moon.no_grad(function()
           ops_of(x, w)
           assert.equal(1, ops_of(x, w))
         end)
       end
     end))

  it("follow what is written to the weight in place", task(function()
    local x, w = setup()
    assert_right(x, w)
    w:add_(1)
    assert_right(x, w)
    w[3]:fill_(0.5)
    assert_right(x, w)
    w:requires_grad()
    local opt = moon.optim.SGD{ { w }, lr = 0.1 }
    moon.conv2d(x, w, nil, OPTIONS):sum():backward()
    opt:step()
    assert_right(x, w:detach())
  end))

  it("are told apart for views of one memory", task(function()
    local x = setup()
    local both = moon.randn(32, 16, 3, 3)
    assert_right(x, both:narrow(1, 1, 16))
    assert_right(x, both:narrow(1, 17, 16))
    assert_right(x, both:narrow(1, 1, 16))
  end))

  it("serve the gradient of the input, too", task(function()
    local x, w = setup()
    local function gradient(weight)
      local leaf = x:detach():requires_grad()
      moon.conv2d(leaf, weight, nil, OPTIONS):sum():backward()
      return op.flat(leaf.grad)
    end
    gradient(w)
    local first = gradient(w)
    assert.same(first, gradient(w:clone()))
    w:add_(1)
    assert.same(gradient(w:clone()), gradient(w))
  end))

  it("are made again where a cancelled task was to make them", task(function()
    local x, w = setup()
    local busy = moon.randn(300, 300)
    local child = moon.spawn(function()
      for _ = 1, 20 do busy = busy:matmul(busy) end
      w:add_((busy * 0):sum())
      moon.conv2d(x, w, nil, OPTIONS)
      moon.sleep(1000)
    end)
    moon.yield()
    moon.yield()
    child:cancel()
    pcall(child.await, child)
    moon.synchronize()
    moon.conv2d(x, w, nil, OPTIONS):await()
    moon.conv2d(x, w, nil, OPTIONS):await()
    assert.equal(1, ops_of(x, w))
    assert_right(x, w)
  end))

  it("that fail are done without", task(function()
    moon.synchronize()
    moon.spawn(function()
      moon.set_device "sim"
      local x, w = setup "sim"
      w:add_(1)
      moon.synchronize()
      sim.configure{ fail_op = 1 }
      local failed = moon.stats().failed_ops
      local y = moon.conv2d(x, w, nil, OPTIONS):await()
      sim.configure{}
      assert.equal(failed + 1, moon.stats().failed_ops)
      assert.same(op.flat(moon.conv2d(x, w:clone(), nil, OPTIONS)),
                  op.flat(y))
    end):await()
  end))

  it("go with their weight, and are no live tensors", task(function()
    local x, w = setup()
    moon.synchronize()
    local before = moon.stats()
    local extra = w:clone()
    moon.no_grad(function() moon.conv2d(x, extra, nil, OPTIONS):dispose() end)
    moon.synchronize()
    assert.equal(before.live_tensors + 2, moon.stats().live_tensors)
    extra:dispose()
    assert.equal(before.live_bytes, moon.stats().live_bytes)
  end))
end)
