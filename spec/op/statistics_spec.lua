local moon = require "moonseed"
local op = require "support.op"

describe("statistics", function()
  op.everywhere("are norm, share of zeros, non-finite values",
                function(device)
    local x = moon.tensor({ { 3, 0 }, { 0, 4 } }, { device = device })
    assert.same({ 5, 0.5, 0 }, x:statistics():totable())
    assert.same({ 5, 0.5, 0 }, x:t():statistics():totable())
    local wild = moon.tensor({ 1, 0 / 0, 1 / 0, -1 / 0 },
                             { dtype = "f64", device = device })
    assert.equal(3, wild:statistics():totable()[3])
    assert.equal("f32", wild:statistics():dtype())
  end)

  op.everywhere("of none are 0, NaN, 0", function(device)
    local s = moon.zeros(0, { device = device }):statistics():totable()
    assert.equal(0, s[1])
    assert.is_true(s[2] ~= s[2])
    assert.equal(0, s[3])
  end)

  op.refuses("integers", "statistics: i64; cast it to f32 or f64",
             function() moon.zeros(2, { dtype = "i64" }):statistics() end)
end)
