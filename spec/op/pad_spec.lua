local moon = require "moonseed"
local op = require "support.op"

local function pad(pairs_of, options)
  return function(x) return x:pad(pairs_of, options) end
end

describe("pad", function()
  op.agrees{ "with a constant", inputs = { { 2, 3 } },
             fn = pad({ { 1, 2 } }, { value = 0.5 }) }
  op.agrees{ "of three dimensions", inputs = { { 2, 2, 3, 2 } },
             fn = pad{ { 0, 1 }, { 2, 0 }, { 1, 1 } } }
  op.agrees{ "that crops", inputs = { { 4, 5 } },
             fn = pad{ { -1, 2 }, { 2, -3 } } }
  op.agrees{ "of nothing", inputs = { { 0, 3 } },
             fn = pad({ { 1, 1 }, { 0, 0 } }, { value = 2 }) }
  op.agrees{ "to nothing", inputs = { { 2, 3 } }, fn = pad{ { -1, -2 } } }
  op.agrees{ "without padding", inputs = { { 2, 3 } }, fn = pad{} }
  op.agrees{ "of a scalar", inputs = { {} }, fn = pad{} }
  for _, mode in ipairs{ "reflect", "replicate", "circular" } do
    op.agrees{ "by " .. mode, inputs = { { 2, 3, 4 } },
               fn = pad({ { 2, 1 }, { 0, 3 } }, { mode = mode }) }
    op.agrees{ "of images by " .. mode, inputs = { { 2, 3, 3, 4 } },
               fn = pad({ { 1, 2 }, { 3, 0 } }, { mode = mode }) }
    op.agrees{ "of channels by " .. mode, inputs = { { 2, 3, 2, 2 } },
               fn = pad({ { 1, 2 }, { 0, 0 }, { 1, 0 } }, { mode = mode }) }
  end
  op.agrees{ "of one place by replicate", inputs = { { 1 } },
             fn = pad({ { 2, 3 } }, { mode = "replicate" }) }
  for _, mode in ipairs{ "constant", "reflect" } do
    op.matches{ "of many images by " .. mode, inputs = { { 9, 19, 31, 33 } },
                fn = pad({ { 2, 1 }, { 1, 3 } }, { mode = mode }) }
  end

  op.everywhere("is there for every dtype", function(device)
    for _, dtype in ipairs{ "f64", "i64", "i32", "u8", "bool" } do
      local x = moon.tensor({ 0, 0 }, { dtype = dtype, device = device })
      assert.same({ 1, 0, 0, 1, 1 },
                  op.flat(x:pad({ { 1, 2 } }, { value = 1 })), dtype)
    end
  end)

  op.everywhere("keeps images channels-last", function(device)
    local x = moon.zeros(2, 4, 4, 3, { device = device }):permute(1, 4, 2, 3)
    local y = x:pad{ { 1, 1 }, { 1, 1 } }
    assert.same({ 216 }, y:permute(1, 3, 4, 2):view(216):shape())
  end)

  op.refuses("numbers instead of pairs",
             "pad: pair 1 is { before, behind } of a dimension; the last " ..
             "pair is the last dimension's", function()
    moon.zeros(2, 3):pad{ 1, 1 }
  end)
  op.refuses("pairs that x has no dimensions for",
             "pad: 2 pairs for a tensor with 1 dimensions",
             function() moon.zeros(2):pad{ { 1, 1 }, { 1, 1 } } end)
  op.refuses("reflections longer than what there is",
             "pad: 3 before and 0 behind dimension 2 of 2x3, reflect",
             function()
    moon.zeros(2, 3):pad({ { 3, 0 } }, { mode = "reflect" })
  end)
  op.refuses("crops by more than there is",
             "pad: -4 before and 0 behind dimension 2 of 2x3, constant",
             function() moon.zeros(2, 3):pad{ { -4, 0 } } end)
  op.refuses("a mode that there is not", "pad: no mode 'edge' (circular, " ..
             "constant, reflect, replicate)", function()
    moon.zeros(2):pad({ { 1, 1 } }, { mode = "edge" })
  end)
  op.refuses("a constant that x cannot hold", "pad: 0.5 is no i64",
             function()
    moon.zeros(2, { dtype = "i64" }):pad({ { 1, 1 } }, { value = 0.5 })
  end)
end)
