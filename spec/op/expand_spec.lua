local moon = require "moonseed"
local op = require "support.op"

describe("expand", function()
  op.agrees{ "of a dimension of 1 and new ones", inputs = { { 1, 3 } },
             fn = function(x) return x:expand(2, 4, -1) end }
  op.agrees{ "to its own shape", inputs = { { 2, 3 } },
             fn = function(x) return x:expand(2, 3) end }
  op.agrees{ "of a scalar", inputs = { {} },
             fn = function(x) return x:expand(3) end }
  op.agrees{ "to nothing", inputs = { { 1, 3 } },
             fn = function(x) return x:expand(0, 3) end }

  op.refuses("a dimension that is not 1",
             "expand: 2x3 to 4x3, dimension 1 is not 1",
             function() moon.zeros(2, 3):expand(4, 3) end)
  op.refuses("fewer dimensions", "expand: 2x3 to 1 dimensions",
             function() moon.zeros(2, 3):expand(3) end)
end)
