local moon = require "moonseed"
local op = require "support.op"

describe("global_avg_pool2d", function()
  local function pool(x) return x:global_avg_pool2d() end
  op.agrees{ "of planes", inputs = { { 2, 3, 4, 2 } }, fn = pool }
  op.agrees{ "of one place", inputs = { { 2, 3, 1, 1 } }, fn = pool }
  op.agrees{ "of no images", inputs = { { 0, 3, 2, 2 } }, fn = pool }

  op.refuses("empty planes",
             "global_avg_pool2d: no elements in a plane (x 2x3x0x4)",
             function() moon.zeros(2, 3, 0, 4):global_avg_pool2d() end)
  op.refuses("a matrix",
             "global_avg_pool2d: x has 2 dimensions (2x3), expected 4",
             function() moon.zeros(2, 3):global_avg_pool2d() end)
end)
