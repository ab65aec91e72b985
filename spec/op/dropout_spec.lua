local moon = require "moonseed"
local op = require "support.op"

describe("dropout", function()
  op.agrees{ "with the same seed", inputs = { { 4, 5 } }, fn = function(x)
    moon.manual_seed(5)
    return x:dropout(0.4)
  end }
  op.agrees{ "of nothing dropped", inputs = { { 3 } },
             fn = function(x) return x:dropout(0) end }
  op.agrees{ "of none", inputs = { { 0, 3 } },
             fn = function(x) return x:dropout(0.5) end }

  op.everywhere("drops with probability p, scales the rest", function(device)
    local y = moon.ones(1000, { device = device }):dropout(0.25)
    local kept = y:ne(0):sum():item()
    assert.is_true(700 < kept and kept < 800)
    assert.near(4 / 3, y:max():item(), 1e-6)
  end)

  op.refuses("p of 1", "dropout: p 1 is outside [0, 1)",
             function() moon.zeros(2):dropout(1) end)
end)
