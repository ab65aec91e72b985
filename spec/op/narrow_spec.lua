local moon = require "moonseed"
local op = require "support.op"
local task = require "support.task"

describe("part of a dimension", function()
  op.agrees{ "by narrow", inputs = { { 2, 4, 3 } },
             fn = function(x) return x:narrow(2, 2, 2) end }
  op.agrees{ "by narrow, nothing of it", inputs = { { 2, 3 } },
             fn = function(x) return x:narrow(2, 4, 0) end }
  op.agrees{ "by select", inputs = { { 2, 4, 3 } },
             fn = function(x) return x:select(2, 3) end }
  op.agrees{ "by an index", inputs = { { 3, 2 } },
             fn = function(x) return x[2] * x[3][1] end }

  it("shares memory", task(function()
    local x = moon.zeros(3, 2)
    x:select(1, 2):fill_(5)
    x:narrow(1, 3, 1):narrow(2, 1, 1):fill_(6)
    assert.same({ { 0, 0 }, { 5, 5 }, { 6, 0 } }, x:totable())
  end))

  op.refuses("a range past the end", "narrow: 3 positions from 2 of 3",
             function() moon.zeros(3, 2):narrow(1, 2, 3) end)
  op.refuses("a position past the end", "select: position 4 of 3",
             function() moon.zeros(3, 2):select(1, 4) end)
  op.refuses("a part of a scalar", "select: dimension 1 of a tensor with 0",
             function() moon.zeros{}:select(1, 1) end)
end)
