local moon = require "moonseed"
local op = require "support.op"
local task = require "support.task"

describe("flip", function()
  op.agrees{ "of one dimension", inputs = { { 2, 3 } },
             fn = function(x) return x:flip(2) end }
  op.agrees{ "of several", inputs = { { 2, 3, 4, 2 } },
             fn = function(x) return x:flip{ 1, -1, 3 } end }
  op.agrees{ "of none", inputs = { { 2, 3 } },
             fn = function(x) return x:flip() end }
  op.agrees{ "of one place", inputs = { { 1 } },
             fn = function(x) return x:flip(1) end }
  op.agrees{ "of nothing", inputs = { { 0, 3 } },
             fn = function(x) return x:flip(1, 2) end }
  op.matches{ "of images", inputs = { { 3, 5, 33, 65 } },
              fn = function(x) return x:flip(3, 4) end }
  op.matches{ "of a part", inputs = { { 7, 9 } },
              fn = function(x) return x:narrow(2, 3, 5):flip(2, 1) end }

  op.everywhere("is there for every dtype", function(device)
    for _, dtype in ipairs{ "i64", "i32", "u8", "bool" } do
      local x = moon.tensor({ 0, 1, 1 }, { dtype = dtype, device = device })
      assert.same({ 1, 1, 0 }, op.flat(x:flip(1)))
    end
  end)

  it("knows which regions of a divided tensor it reads", task(function()
    local x = moon.arange(12):reshape(6, 2):split_regions(3)
    local y = x:narrow(1, 3, 2):flip(1, 2)
    x:narrow(1, 3, 2):fill_(0)
    assert.same({ { 7, 6 }, { 5, 4 } }, y:totable())
  end))

  op.refuses("a dimension twice", "flip: dimension 2 twice (x 2x3)",
             function() moon.zeros(2, 3):flip(2, -1) end)
  op.refuses("a dimension that is not there",
             "flip: dimension 3 of a tensor with 2",
             function() moon.zeros(2, 3):flip(3) end)
end)
