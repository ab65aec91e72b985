local moon = require "moonseed"
local op = require "support.op"

describe("gather", function()
  local function pick(dim)
    return function(x)
      return x:gather(dim, op.index(x, { { 1, 0 }, { 1, 1 } }))
    end
  end
  op.agrees{ "along the first dimension", inputs = { { 3, 2 } },
             fn = pick(1) }
  op.agrees{ "along the last dimension", inputs = { { 3, 2 } },
             fn = pick(2) }
  op.agrees{ "of one", inputs = { { 1 } },
             fn = function(x) return x:gather(1, op.index(x, { 0 })) end }

  op.everywhere("carries the error of an index out of range", function(device)
    local x = moon.zeros(2, 2, { device = device })
    local y = x:gather(1, op.index(x, { { 0, 2 } }))
    assert.error_matches(function() y:await() end,
                         "gather: index 2 at position 2 is outside")
  end)

  op.refuses("an index larger than x",
             "gather: index 2x3 along dimension 1 of 2x2", function()
    moon.zeros(2, 2):gather(1, moon.zeros(2, 3, { dtype = "i64" }))
  end)
end)
