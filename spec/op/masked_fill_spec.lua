local moon = require "moonseed"
local op = require "support.op"

describe("masked_fill", function()
  local function some(x)
    return moon.tensor({ true, false, true }, { device = x:device() })
  end
  op.agrees{ "with a number", inputs = { { 2, 3 } }, fn = function(x)
    return x:masked_fill(some(x), -2)
  end }
  op.agrees{ "with a tensor, a mask for columns", inputs = { { 3, 2 }, { 1 } },
             fn = function(x, value)
    return x:masked_fill(some(x):reshape(3, 1), value)
  end }
  op.agrees{ "of one element", inputs = { {} }, fn = function(x)
    return x:masked_fill(moon.tensor(true, { device = x:device() }), 3)
  end }
  op.agrees{ "of nothing", inputs = { { 0, 3 } }, fn = function(x)
    return x:masked_fill(some(x), 1)
  end }

  op.everywhere("fills with infinities too", function(device)
    local x = moon.ones(3, { device = device })
    local y = x:masked_fill(some(x), -1 / 0)
    assert.same({ -1 / 0, 1, -1 / 0 }, op.flat(y))
  end)

  op.refuses("a mask that is larger", "masked_fill: a mask 2x3 for 3",
             function()
    moon.zeros(3):masked_fill(moon.ones(2, 3):gt(0), 1)
  end)
  op.refuses("a mask of numbers", "masked_fill: the mask is f32; bool needed",
             function() moon.zeros(3):masked_fill(moon.ones(3), 1) end)
  op.refuses("values of several elements",
             "masked_fill: the value has 2 elements, not one", function()
    moon.zeros(3):masked_fill(moon.ones(3):gt(0), moon.ones(2))
  end)
end)
