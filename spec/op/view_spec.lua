local moon = require "moonseed"
local op = require "support.op"
local task = require "support.task"

describe("another shape", function()
  op.agrees{ "by view", inputs = { { 2, 3, 4 } },
             fn = function(x) return x:contiguous():view(4, -1) end }
  op.agrees{ "by reshape, without a copy", inputs = { { 2, 3, 4 } },
             fn = function(x) return x:reshape(6, 4) end }
  op.agrees{ "by reshape, with a copy", inputs = { { 2, 3, 4 } },
             fn = function(x) return x:permute(3, 1, 2):reshape(6, 4) end }
  op.agrees{ "of one element", inputs = { { 1, 1 } },
             fn = function(x) return x:reshape{} end }
  op.agrees{ "of none", inputs = { { 0, 3 } },
             fn = function(x) return x:reshape(3, 5, 0) end }

  it("shares memory in a view", task(function()
    local x = moon.zeros(2, 3)
    x:view(6):narrow(1, 1, 2):fill_(1)
    assert.same({ { 1, 1, 0 }, { 0, 0, 0 } }, x:totable())
    x:t():reshape(6):fill_(2)  -- a copy
    assert.same({ { 1, 1, 0 }, { 0, 0, 0 } }, x:totable())
  end))

  it("merges and splits what lies together", task(function()
    local x = moon.zeros(4, 2, 3):permute(2, 3, 1)  -- 2x3x4, strides 3 1 6
    assert.same({ 6, 2, 2 }, x:view(6, 2, 2):shape())
    assert.same({ 2, 1, 3, 4, 1 }, x:view(2, 1, 3, 4, 1):shape())
  end))

  op.refuses("a view that needs a copy",
             "view: 3x2 (strides 1 3) as 6 needs a copy; reshape copies",
             function() moon.zeros(2, 3):t():view(6) end)
  op.refuses("another number of elements",
             "reshape: 2x3 has 6 elements, not 4x2",
             function() moon.zeros(2, 3):reshape(4, 2) end)
  op.refuses("what -1 cannot fill", "view: 2x3 has 6 elements, not 4x-1",
             function() moon.zeros(2, 3):view(4, -1) end)
  op.refuses("two -1", "view: more than one -1 in the shape",
             function() moon.zeros(2, 3):view(-1, -1) end)
end)
