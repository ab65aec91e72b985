local moon = require "moonseed"
local op = require "support.op"

describe("index_select", function()
  for dim = 1, 3 do
    op.agrees{ "of dimension " .. dim, inputs = { { 3, 2, 2 } },
               fn = function(x)
      return x:index_select(dim, op.index(x, { 1, 0, 1, 1 }))
    end }
  end
  op.agrees{ "of nothing", inputs = { { 3, 2 } }, fn = function(x)
    return x:index_select(1, op.index(x, {}):reshape(0))
  end }

  op.everywhere("works for integers", function(device)
    local x = moon.arange(4, { dtype = "i32", device = device })
    assert.same({ 3, 0 }, x:index_select(1, op.index(x, { 3, 0 })):totable())
  end)

  op.everywhere("carries the error of an index out of range", function(device)
    local x = moon.zeros(3, 2, { device = device })
    for _, wrong in ipairs{ 3, -1 } do
      local y = x:index_select(1, op.index(x, { 0, wrong }))
      assert.error_matches(function() y:await() end,
        "index_select: index " .. wrong .. " at position 2 is outside", 1,
        true)
    end
  end)

  op.refuses("an index that is no i64",
             "index_select: index is f32; i64 needed",
             function() moon.zeros(3):index_select(1, moon.zeros(2)) end)
end)
