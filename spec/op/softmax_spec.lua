local task = require "support.task"
local moon = require "moonseed"
local op = require "support.op"

describe("log_softmax", function()
  for dim = 1, 3 do
    op.agrees{ "over dimension " .. dim, inputs = { { 2, 3, 4 } },
               fn = function(x) return x:log_softmax(dim) end }
  end
  op.agrees{ "of long lines", inputs = { { 2, 70 } },
             fn = function(x) return x:log_softmax() end }

  op.everywhere("keeps its digits for large values", function(device)
    local x = moon.tensor({ { 1e4, 1e4 + 1 }, { -1e4, 0 } },
                          { device = device })
    local high = -math.log(1 + math.exp(1))
    local y = op.flat(x:log_softmax(2))
    assert.near(high, y[1], 1e-6)
    assert.near(high + 1, y[2], 1e-6)
    assert.equal(-1e4, y[3])
    assert.equal(0, y[4])
  end)

  op.everywhere("of one place is 0, of none empty", function(device)
    local x = moon.full({ 2, 1 }, 5, { device = device })
    assert.same({ 0, 0 }, op.flat(x:log_softmax(2)))
    assert.same({ 0, 3 }, moon.zeros(0, 3):log_softmax(2):shape())
  end)

  op.refuses("integers", "log_softmax: i64; cast it to f32 or f64", function()
    moon.arange(3, { dtype = "i64" }):log_softmax(1)
  end)
  op.refuses("a dimension that is not there",
             "log_softmax: dimension 3 of a tensor with 2",
             function() moon.zeros(2, 3):log_softmax(3) end)
end)

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
