local moon = require "moonseed"
local op = require "support.op"

describe("tile", function()
  op.agrees{ "of two dimensions", inputs = { { 2, 3 } },
             fn = function(x) return x:tile(2, 3) end }
  op.agrees{ "of the last alone", inputs = { { 2, 3 } },
             fn = function(x) return x:tile(2) end }
  op.agrees{ "with new dimensions in front", inputs = { { 3 } },
             fn = function(x) return x:tile{ 2, 1, 2 } end }
  op.agrees{ "of a scalar", inputs = { {} },
             fn = function(x) return x:tile(3) end }
  op.agrees{ "to nothing", inputs = { { 2, 3 } },
             fn = function(x) return x:tile(2, 0) end }
  op.agrees{ "of seven dimensions", inputs = { { 1, 2, 1, 1, 2, 1, 2 } },
             fn = function(x) return x:tile(2, 1, 2, 1, 2, 1, 1) end }

  op.everywhere("is a copy, also of one element or once",
                function(device)
    local x = moon.ones(1, { device = device })
    local once, thrice = x:tile(1), x:tile(3)
    x:fill_(2)
    thrice[2] = 5
    assert.same({ 1 }, op.flat(once))
    assert.same({ 1, 5, 1 }, op.flat(thrice))
  end)

  op.refuses("less than nothing", "tile: count 1 is a whole number of at " ..
             "least 0, not -1", function() moon.zeros(2):tile(-1) end)
  op.refuses("more elements than there can be", "2^48 elements", function()
    moon.zeros(2, 3):tile(2 ^ 30, 2 ^ 30)
  end)
  op.refuses("nine dimensions", "tile: 9 dimensions, at most 8", function()
    moon.zeros(2):tile(1, 1, 1, 1, 1, 1, 1, 1, 1)
  end)
end)
