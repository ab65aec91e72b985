local moon = require "moonseed"
local op = require "support.op"

describe("arange", function()
  op.everywhere("stops before stop", function(device)
    local i64 = { dtype = "i64", device = device }
    local f32 = { device = device }
    assert.same({ 0, 1, 2 }, moon.arange(3, i64):totable())
    assert.same({ 0, 2, 4 }, moon.arange(0, 5, 2, i64):totable())
    assert.same({ 1, 0.75, 0.5, 0.25 },
                moon.arange(1, 0, -0.25, f32):totable())
    assert.same({ 0 }, moon.arange(2, 2, 1, f32):shape())
  end)

  op.refuses("a step of 0", "arange: from 0 to 1 by 0",
             function() moon.arange(0, 1, 0) end)
  op.refuses("a step away from stop", "arange: from 0 to 1 by -1",
             function() moon.arange(0, 1, -1) end)
  op.refuses("half steps in integers", "arange: 0.5 is no i64",
             function() moon.arange(0, 1, 0.5, { dtype = "i64" }) end)
  op.refuses("what does not fit the dtype", "arange: 299 is no u8",
             function() moon.arange(0, 300, 1, { dtype = "u8" }) end)
end)
