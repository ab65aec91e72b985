-- Depthwise convolutions, which have kernels of their own (depthwise.h of
-- kernels/cpu).

local moon = require "moonseed"
local bits = require "support.bits"
local op = require "support.op"
local task = require "support.task"

-- A case of op.agrees: x and w have C channels; kernel and size are pairs.
local function case(name, c, size, kernel, options, with_bias)
  local o = { groups = c, stride = options.stride, padding = options.padding,
              dilation = options.dilation, epilogue = options.epilogue }
  return {
    name,
    inputs = { { 2, c, size[1], size[2] }, { c, 1, kernel[1], kernel[2] },
               with_bias and { c } or nil },
    fn = function(x, w, b) return moon.conv2d(x, w, b, o) end,
  }
end

-- y and the gradients of sum(y r) on the cpu device, as one string of bytes.
local function gradient_bytes(x, w, b, options)
  local t = { x:detach():requires_grad(), w:detach():requires_grad(),
              b:detach():requires_grad() }
  local y = moon.conv2d(t[1], t[2], t[3], options)
  moon.manual_seed(3)
  y:backward(moon.randn(unpack(y:shape())))
  return bits.of_all{ y, t[1].grad, t[2].grad, t[3].grad }
end

describe("depthwise conv2d", function()
  local three, five = { 3, 3 }, { 5, 5 }
  op.agrees(case("of 3x3", 3, { 5, 6 }, three, { padding = 1 }, true))
  op.agrees(case("of 3x3 in steps of 2", 3, { 6, 9 }, three,
                 { padding = 1, stride = 2 }, true))
  op.agrees(case("of 3x3 with ReLU", 2, { 5, 5 }, three,
                 { padding = 1, epilogue = "relu" }, true))
  op.agrees(case("of rows of two and of three", 3, { 4, 3 }, { 3, 2 },
                 { padding = { 1, 0 } }, true))
  op.agrees(case("of one place", 3, { 1, 1 }, three, { padding = 1 }))
  op.agrees(case("with windows wholly in padding", 3, { 2, 5 }, { 2, 2 },
                 { padding = 3 }, true))
  op.agrees(case("with padding and steps beyond the kernel", 2, { 5, 4 },
                 { 1, 2 }, { padding = 2, stride = 3 }, true))
  op.agrees(case("dilated in steps of 2", 2, { 9, 8 }, { 3, 2 },
                 { padding = 2, stride = { 2, 1 }, dilation = { 4, 3 } }))

  -- One channel (no convolution of ours), fewer than a vector has, one vector,
  -- and some more; rows of whole blocks, and of some more.
  for _, c in ipairs{ 1, 3, 16, 17, 40 } do
    for _, stride in ipairs{ 1, 2 } do
      local text = (" in steps of %d, %d channels"):format(stride, c)
      local o = { padding = 1, stride = stride }
      op.matches(case("of 3x3" .. text, c, { 7, 18 }, three, o, true))
      op.matches(case("of 5x5" .. text, c, { 8, 21 }, five,
                      { padding = 2, stride = stride }, true))
      op.matches(case("of 4x7" .. text, c, { 9, 13 }, { 4, 7 }, o, true))
    end
  end

  -- One channel for all filters, which the forward's kernel spreads.
  for _, k in ipairs{ 16, 17, 40 } do
    for _, kernel in ipairs{ three, five, { 4, 7 } } do
      for _, o in ipairs{ { padding = 1 }, { padding = 2, stride = 2 },
                          { padding = 3, dilation = 2, epilogue = "relu" } } do
        local name = ("of one channel by %d of %dx%d, stride %d, dilation %d")
          :format(k, kernel[1], kernel[2], o.stride or 1, o.dilation or 1)
        op.matches{ name, inputs = { { 2, 1, 8, 18 }, { k, 1, unpack(kernel) },
                                     { k } },
                    fn = function(x, w, b) return moon.conv2d(x, w, b, o) end }
      end
    end
    op.matches{ ("of one channel by %d, rows of three"):format(k),
                inputs = { { 3, 1, 5, 3 }, { k, 1, 3, 3 } },
                fn = function(x, w)
                  return moon.conv2d(x, w, nil, { padding = 1 })
                end }
  end

  it("gives each image what it gets alone, also past the caches",
     task(function()
    local x, w = moon.randn(20, 32, 60, 60), moon.randn(32, 1, 3, 3)
    for stride = 1, 2 do
      local options = { padding = 1, groups = 32, stride = stride }
      local function run(from)
        local leaf = from:detach():requires_grad()
        local y = moon.conv2d(leaf, w, nil, options)
        y:sum():backward()
        return y:detach(), leaf.grad
      end
      local y, dx = run(x)
      local some_y, some_dx = run(x:narrow(1, 7, 2))
      assert.is_true(bits.of(y:narrow(1, 7, 2)) == bits.of(some_y))
      assert.is_true(bits.of(dx:narrow(1, 7, 2)) == bits.of(some_dx))
    end
  end))

  it("gives the same bits under every schedule", task(function()
    local function program(schedule)
      local tasks = {}
      for i = 1, 3 do
        local x = moon.randn(8, 48, 24, 23)
        local w, b = moon.randn(48, 1, 3, 3), moon.randn(48)
        tasks[i] = function()
          return schedule.scope(function()
            schedule.detour()
            local y = moon.conv2d(x, w, b, { groups = 48, stride = i })
            schedule.detour()
            local z = moon.conv2d(x:relu(), w * i, b, { groups = 48 })
            return y:mean() + (z * z):sum()
          end)
        end
      end
      local a, b, c = moon.gather(unpack(tasks))
      return bits.of_all{ a, b, c }
    end
    local expected = bits.run(bits.plain, program)
    for _, schedule in ipairs(bits.schedules) do
      assert.is_true(expected == bits.run(schedule, program), schedule.name)
    end
  end))

  it("has gradients of the same bits on any threads, in any precision",
     task(function()
    local threads = moon.threads()
    for _, stride in ipairs{ 1, 2 } do
      local x, w = moon.randn(16, 64, 32, 30), moon.randn(64, 1, 3, 3)
      local b = moon.randn(64)
      local options = { padding = 1, groups = 64, stride = stride }
      moon.set_threads(1)
      local one = gradient_bytes(x, w, b, options)
      moon.set_threads(2)
      assert.is_true(one == gradient_bytes(x, w, b, options))
      moon.set_precision "strict"
      assert.is_true(one == gradient_bytes(x, w, b, options))
      moon.set_precision "fast"
    end
    moon.set_threads(threads)
  end))

  it("adds a second gradient to the first", task(function()
    local x = moon.randn(4, 20, 9, 9)
    local w = moon.randn(20, 1, 3, 3):requires_grad()
    local b = moon.randn(20):requires_grad()
    local function step()
      moon.conv2d(x, w, b, { groups = 20 }):sum():backward()
    end
    step()
    local dw, db = w.grad:clone(), b.grad:clone()
    step()
    assert.is_true(moon.allclose(w.grad, dw * 2))
    assert.is_true(moon.allclose(b.grad, db * 2))
  end))

  it("lets NaN through, also with ReLU, in its channel alone",
     task(function()
    local x = moon.zeros(2, 20, 6, 6)
    x[2][19][3][3] = 0 / 0
    local y = moon.conv2d(x, moon.ones(20, 1, 3, 3), nil,
                          { padding = 1, groups = 20, epilogue = "relu" })
    local value = y[2][19][4][2]:item()
    assert.is_true(value ~= value)
    assert.equal(0, y[1]:abs():sum():item())
    assert.equal(0, y[2][18]:abs():sum():item())
    assert.equal(0, y[2][19][6][6]:item())
  end))

  it("leaves weights out that meet only padding", task(function()
    local w = moon.ones(5, 1, 3, 3)
    w[3][1][1][1] = math.huge
    local y = moon.conv2d(moon.ones(1, 5, 4, 4), w, nil,
                          { padding = 1, groups = 5 })
    assert.equal(6, y[1][3][1][2]:item())
    assert.equal(math.huge, y[1][3][2][2]:item())
  end))
end)
