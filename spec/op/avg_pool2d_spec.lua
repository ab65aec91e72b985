local moon = require "moonseed"
local op = require "support.op"
local task = require "support.task"

local function pool(options)
  return function(x) return x:avg_pool2d(options) end
end

local function adaptive(size)
  return function(x) return x:adaptive_avg_pool2d(size) end
end

describe("avg_pool2d", function()
  local x = { 2, 3, 5, 4 }
  op.agrees{ "of 2x2", inputs = { x }, fn = pool{ 2 } }
  op.agrees{ "of windows that overlap", inputs = { x },
             fn = pool{ { 3, 2 }, stride = { 1, 2 }, padding = { 1, 0 } } }
  op.agrees{ "that does not count padding", inputs = { x },
             fn = pool{ 3, stride = 2, padding = 1, count_padding = false } }
  op.agrees{ "of windows apart", inputs = { x }, fn = pool{ 1, stride = 3 } }
  op.agrees{ "whose last windows reach beyond x", inputs = { x },
             fn = pool{ 2, stride = 3, ceil_mode = true } }
  op.agrees{ "whose last windows reach beyond the padding", inputs = { x },
             fn = pool{ 3, stride = 2, padding = 1, ceil_mode = true } }
  op.agrees{ "that reach beyond the padding and do not count it",
             inputs = { x },
             fn = pool{ 3, stride = 2, padding = 1, ceil_mode = true,
                        count_padding = false } }
  op.agrees{ "of 1x1", inputs = { { 1, 1, 1, 1 } }, fn = pool{ 1 } }
  op.agrees{ "of none", inputs = { { 0, 3, 4, 4 } }, fn = pool{ 2 } }
  op.matches{ "of many channels", inputs = { { 9, 67, 23, 31 } },
              fn = pool{ 5, stride = 2, padding = 2 } }

  it("counts padding unless told otherwise", task(function()
    local ones = moon.ones(1, 1, 2, 2)
    local y = ones:avg_pool2d{ 3, stride = 1, padding = 1 }
    assert.near(4 / 9, y:max():item(), 1e-6)
    y = ones:avg_pool2d{ 3, stride = 1, padding = 1, count_padding = false }
    assert.near(1, y:min():item(), 1e-6)
  end))

  op.refuses("a kernel that does not fit",
             "avg_pool2d: a kernel of 5 (dilation 1) does not fit into " ..
             "width 4 (padding 0)",
             function() moon.zeros(1, 1, 5, 4):avg_pool2d(5) end)
  op.refuses("much padding",
             "avg_pool2d: padding 2 is more than half of the kernel 3",
             function() moon.zeros(1, 1, 5, 4):avg_pool2d{ 3, padding = 2 } end)
end)

describe("adaptive_avg_pool2d", function()
  op.agrees{ "to windows of one size", inputs = { { 2, 3, 4, 6 } },
             fn = adaptive{ 2, 3 } }
  op.agrees{ "to windows that overlap", inputs = { { 2, 3, 5, 7 } },
             fn = adaptive{ 3, 4 } }
  op.agrees{ "to one place", inputs = { { 2, 3, 5, 4 } }, fn = adaptive(1) }
  op.agrees{ "to more places than there are", inputs = { { 1, 2, 2, 3 } },
             fn = adaptive{ 5, 4 } }
  op.agrees{ "of no images", inputs = { { 0, 2, 2, 3 } }, fn = adaptive(2) }
  op.matches{ "of many channels", inputs = { { 9, 67, 23, 31 } },
              fn = adaptive{ 7, 9 } }

  op.refuses("no places", "adaptive_avg_pool2d: the size is a whole number " ..
             "of at least 1, not 0",
             function() moon.zeros(1, 1, 5, 4):adaptive_avg_pool2d(0) end)
  op.refuses("planes without elements",
             "adaptive_avg_pool2d: no elements in a plane (x 1x1x0x4)",
             function() moon.zeros(1, 1, 0, 4):adaptive_avg_pool2d(2) end)
end)
