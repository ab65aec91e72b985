local moon = require "moonseed"
local op = require "support.op"

describe("one value everywhere", function()
  op.everywhere("is what full, zeros and ones give", function(device)
    local y = moon.full({ 2, 2 }, -1.5, { device = device })
    assert.same({ { -1.5, -1.5 }, { -1.5, -1.5 } }, y:totable())
    local i = moon.ones(3, { dtype = "i64", device = device })
    assert.same({ 1, 1, 1 }, i:totable())
    assert.same({ 0, 4 }, moon.zeros(0, 4, { device = device }):shape())
    assert.equal(2, moon.full({}, 2, { device = device }):item())
  end)

  op.everywhere("is what fill_ leaves, in a view too", function(device)
    local x = moon.zeros(2, 3, { device = device })
    x:narrow(2, 2, 1):fill_(7)
    assert.same({ { 0, 7, 0 }, { 0, 7, 0 } }, x:totable())
  end)

  op.agrees{ "cuts the gradient of what was there", inputs = { { 2, 3 } },
             fn = function(x)
    local y = x * 2
    y:fill_(3)
    return y * x
  end }

  op.refuses("a value that is no element", "full: 300 is no u8", function()
    moon.full({ 2 }, 300, { dtype = "u8" })
  end)
  op.refuses("a shape that is too large",
             "full: shape 1073741824x1073741824 has more than 2^48 elements",
             function() moon.full({ 2 ^ 30, 2 ^ 30 }, 0) end)
  op.refuses("an expanded target", "its elements share memory", function()
    moon.zeros(1):expand(3):fill_(1)
  end)
end)
