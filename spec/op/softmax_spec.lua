local task = require "support.task"
local moon = require "moonseed"
local op = require "support.op"

describe("softmax", function()
  for dim = 1, 3 do
    op.agrees{ "over dimension " .. dim, inputs = { { 2, 3, 4 } },
               fn = function(x) return x:softmax(dim) end }
  end

  op.everywhere("sums to one, for large values too", function(device)
    local x = moon.tensor({ { 1000, 1001 }, { -1000, 0 } },
                          { device = device })
    op.assert_near({ 1, 1 }, op.flat(x:softmax(2):sum(2)), 1e-6, device)
  end)

  op.everywhere("of one place is 1, of none empty", function(device)
    local x = moon.full({ 2, 1 }, 5, { device = device })
    assert.same({ 1, 1 }, op.flat(x:softmax(2)))
    assert.same({ 0, 3 }, moon.zeros(0, 3):softmax(2):shape())
  end)

  op.refuses("integers", "softmax: i64; cast it to f32 or f64", function()
    moon.arange(3, { dtype = "i64" }):softmax(1)
  end)

  it("refuses a dimension that is not there", task(function()
    assert.error_matches(function() moon.zeros(2, 3):softmax(3) end,
                         "softmax: dimension 3 of a tensor with 2")
  end))
end)
