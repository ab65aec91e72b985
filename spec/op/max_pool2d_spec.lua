local moon = require "moonseed"
local op = require "support.op"
local task = require "support.task"

local function pool(options)
  return function(x) return x:max_pool2d(options) end
end

local function adaptive(size)
  return function(x) return x:adaptive_max_pool2d(size) end
end

describe("max_pool2d", function()
  local x = { 2, 3, 5, 4, fill = "distinct" }
  op.agrees{ "of 2x2", inputs = { x }, fn = pool{ 2 } }
  op.agrees{ "of windows that overlap", inputs = { x },
             fn = pool{ { 3, 2 }, stride = { 1, 2 }, padding = { 1, 0 } } }
  op.agrees{ "with padding on all sides", inputs = { x },
             fn = pool{ 3, stride = 2, padding = 1 } }
  op.agrees{ "of windows that many pixels share", inputs = { x },
             fn = pool{ 4, stride = 1, padding = 2 } }
  op.agrees{ "of windows apart", inputs = { x }, fn = pool{ 2, stride = 3 } }
  op.agrees{ "whose last windows reach beyond x", inputs = { x },
             fn = pool{ 2, stride = 3, ceil_mode = true } }
  op.agrees{ "whose last windows reach beyond the padding", inputs = { x },
             fn = pool{ 3, stride = 2, padding = 1, ceil_mode = true } }
  op.agrees{ "of a kernel larger than x", inputs = { { 1, 2, 2, 3 } },
             fn = pool{ 5, ceil_mode = true } }
  op.agrees{ "of 1x1", inputs = { { 1, 1, 1, 1 } }, fn = pool{ 1 } }
  op.agrees{ "of many channels", inputs = { { 1, 19, 4, 4,
                                              fill = "distinct" } },
             fn = pool{ 2 } }
  op.agrees{ "of none", inputs = { { 0, 3, 4, 4 } }, fn = pool{ 2 } }

  -- The gradient of windows of 2 and 3 with stride 2 has code of its own.
  local function strided(size, options)
    local random = moon.randn(2, 20, unpack(size))
    local function gradient(device)
      local leaf = random:to(device):detach():requires_grad()
      local y = leaf:max_pool2d(options)
      y:backward(moon.arange(1, y:numel() + 1, { dtype = "f32" })
                     :reshape(unpack(y:shape())):to(device))
      return leaf.grad:to "cpu"
    end
    return moon.allclose(gradient "ref", gradient "cpu", { rtol = 0, atol = 0 })
  end

  it("has ref's gradient for every small size of stride 2", task(function()
    for h = 3, 6 do
      for w = 3, 6 do
        for n = 0, 7 do
          local options = { 2 + n % 2, stride = 2,
                            padding = math.floor(n / 2) % 2,
                            ceil_mode = n > 3 }
          assert.is_true(strided({ h, w }, options),
                         ("%dx%d, option %d"):format(h, w, n))
        end
      end
    end
  end))

  -- 64 channels, the whole windows of a row go together; 1 does not fill a
  -- vector.
  for _, channels in ipairs{ 1, 64 } do
    op.everywhere("of equals picks the first, with " .. channels ..
                  " channels", function(device)
      local same = moon.ones({ 1, channels, 3, 3 }, { device = device })
      same:requires_grad()
      same:max_pool2d{ 2, stride = 1 }:sum():backward()
      for c = 1, channels do
        assert.same({ { 1, 1, 0 }, { 1, 1, 0 }, { 0, 0, 0 } },
                    same.grad[1][c]:totable())
      end
    end)

    op.everywhere("picks a NaN, the first, with " .. channels .. " channels",
                  function(device)
      local nan = 0 / 0
      local images = moon.tensor({ { 1, nan, 5, 6 }, { 3, nan, 7, 8 } },
                            { device = device }):reshape(1, 1, 2, 4)
        :expand(1, channels, 2, 4):clone():requires_grad()
      local y = images:max_pool2d(2)
      y:sum():backward()
      for c = 1, channels do
        local row = y[1][c][1]:totable()
        assert.is_true(row[1] ~= row[1])
        assert.equal(8, row[2])
        assert.same({ { 0, 1, 0, 0 }, { 0, 0, 0, 1 } },
                    images.grad[1][c]:totable())
      end
    end)
  end

  op.everywhere("never picks padding", function(device)
    local low = moon.full({ 1, 1, 2, 2 }, -3, { device = device })
    assert.equal(-3, low:max_pool2d{ 3, stride = 1, padding = 1 }:max()
                        :item())
  end)

  op.refuses("a kernel that does not fit",
             "max_pool2d: a kernel of 5 (dilation 1) does not fit into " ..
             "width 4 (padding 0)",
             function() moon.zeros(1, 1, 5, 4):max_pool2d(5) end)
  op.refuses("much padding",
             "max_pool2d: padding 2 is more than half of the kernel 3",
             function()
    moon.zeros(1, 1, 5, 4):max_pool2d{ 3, padding = 2 }
  end)
end)

describe("max_pool2d with ceil_mode", function()
  it("has no window that begins in the padding after x", task(function()
    local x = moon.zeros(1, 1, 4, 5)
    local function shape(options)
      options.ceil_mode = true
      return x:max_pool2d(options):shape()
    end
    assert.same({ 1, 1, 2, 3 }, shape{ 2 })
    assert.same({ 1, 1, 2, 2 }, shape{ 3, stride = 3, padding = 1 })
    assert.same({ 1, 1, 2, 2 }, shape{ 1, stride = 3 })
  end))

  op.refuses("a kernel that does not fit even so",
             "max_pool2d: a kernel of 7 (dilation 1) does not fit into " ..
             "height 4 (padding 0)",
             function()
    moon.zeros(1, 1, 4, 5):max_pool2d{ 7, stride = 2, ceil_mode = true }
  end)
  op.refuses("another ceil_mode than true or false",
             "max_pool2d: ceil_mode is true or false, not number",
             function()
    moon.zeros(1, 1, 5, 4):max_pool2d{ 2, ceil_mode = 1 }
  end)
end)

describe("adaptive_max_pool2d", function()
  local x = { 2, 3, 5, 7, fill = "distinct" }
  op.agrees{ "to windows of one size",
             inputs = { { 2, 3, 4, 6, fill = "distinct" } },
             fn = adaptive{ 2, 3 } }
  op.agrees{ "to windows that overlap", inputs = { x }, fn = adaptive{ 3, 4 } }
  op.agrees{ "to one place", inputs = { x }, fn = adaptive(1) }
  op.agrees{ "of one place", inputs = { { 1, 1, 1, 1 } }, fn = adaptive(1) }
  op.agrees{ "to more places than there are",
             inputs = { { 1, 2, 2, 3, fill = "distinct" } },
             fn = adaptive{ 5, 4 } }
  op.agrees{ "of no images", inputs = { { 0, 2, 2, 3 } }, fn = adaptive(2) }
  op.matches{ "of many channels", inputs = { { 9, 67, 23, 31 } },
              fn = adaptive{ 7, 9 } }

  op.refuses("no places", "adaptive_max_pool2d: the size is a whole number " ..
             "of at least 1, not 0",
             function() moon.zeros(1, 1, 5, 4):adaptive_max_pool2d(0) end)
  op.refuses("planes without elements",
             "adaptive_max_pool2d: no elements in a plane (x 1x1x0x4)",
             function() moon.zeros(1, 1, 0, 4):adaptive_max_pool2d(2) end)
end)
