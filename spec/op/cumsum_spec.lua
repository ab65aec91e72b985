local moon = require "moonseed"
local op = require "support.op"

describe("cumsum", function()
  for dim = 1, 3 do
    op.agrees{ "over dimension " .. dim, inputs = { { 2, 3, 4 } },
               fn = function(x) return x:cumsum(dim) end }
  end
  op.agrees{ "of one value", inputs = { { 1, 1 } },
             fn = function(x) return x:cumsum(-1) end }
  op.agrees{ "of none", inputs = { { 0, 3 } },
             fn = function(x) return x:cumsum(1) end }
  op.matches{ "of many lines side by side", inputs = { { 5, 600, 3 } },
              fn = function(x) return x:cumsum(1) end }

  op.everywhere("of integers and bool is in i64", function(device)
    local x = moon.full({ 3 }, 200, { dtype = "u8", device = device })
    assert.same({ 200, 400, 600 }, x:cumsum(1):totable())
    assert.equal("i64", x:cumsum(1):dtype())
    assert.same({ 1, 2, 3 }, x:gt(0):cumsum(1):totable())
  end)

  op.everywhere("lets NaN and infinity stay", function(device)
    local x = moon.tensor({ 1, 1 / 0, -1 / 0, 2 }, { device = device })
    local y = op.flat(x:cumsum(1))
    assert.same({ 1, 1 / 0 }, { y[1], y[2] })
    assert.is_true(y[3] ~= y[3] and y[4] ~= y[4])
  end)

  op.refuses("a dimension that is not there",
             "cumsum: dimension 3 of a tensor with 2",
             function() moon.zeros(2, 3):cumsum(3) end)
  op.refuses("no dimension", "cumsum: a dimension is a number, not nothing",
             function() moon.zeros(2, 3):cumsum() end)
end)
