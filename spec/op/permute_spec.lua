local moon = require "moonseed"
local op = require "support.op"

describe("permute", function()
  op.agrees{ "of three dimensions", inputs = { { 2, 3, 4 } },
             fn = function(x) return x:permute(3, 1, 2) end }
  op.agrees{ "of a matrix, t", inputs = { { 2, 3 } },
             fn = function(x) return x:t() end }
  op.agrees{ "of none", inputs = { { 2, 0 } },
             fn = function(x) return x:t() end }

  op.refuses("a dimension twice", "permute: dimension 1 twice (x 2x3)",
             function() moon.zeros(2, 3):permute(1, 1) end)
  op.refuses("a dimension that is not there", "permute: dimension 3",
             function() moon.zeros(2, 3):permute(1, 3) end)
end)
