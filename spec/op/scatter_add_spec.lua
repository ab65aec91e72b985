local moon = require "moonseed"
local op = require "support.op"

describe("scatter_add", function()
  local function add(dim, places)
    return function(x, from)
      return x:scatter_add(dim, op.index(x, places), from)
    end
  end
  op.agrees{ "along the first dimension", inputs = { { 3, 2 }, { 4, 2 } },
             fn = add(1, { { 0, 2 }, { 0, 0 }, { 2, 1 }, { 0, 2 } }) }
  op.agrees{ "along the last, to a part of x", inputs = { { 3, 2 }, { 2, 2 } },
             fn = add(2, { { 1, 1 }, { 0, 1 } }) }
  op.agrees{ "of one", inputs = { { 1 }, { 1 } }, fn = add(1, { 0 }) }
  op.agrees{ "of nothing", inputs = { { 3, 2 }, { 0, 2 } },
             fn = function(x, from)
    local none = moon.zeros(0, 2, { dtype = "i64", device = x:device() })
    return x:scatter_add(1, none, from)
  end }

  op.everywhere("carries the error of an index out of range", function(device)
    local x = moon.zeros(2, 2, { device = device })
    local y = add(1, { { 0, 2 } })(x, moon.ones(1, 2, { device = device }))
    assert.error_matches(function() y:await() end,
                         "scatter_add: index 2 at position 2 is outside")
  end)

  op.refuses("an index larger than x",
             "scatter_add: index 2x3 along dimension 1 of 2x2", function()
    moon.zeros(2, 2):scatter_add(1, moon.zeros(2, 3, { dtype = "i64" }),
                                 moon.zeros(2, 3))
  end)
  op.refuses("an index that the values do not fit",
             "scatter_add: index 1x2 for 2x2 to add", function()
    moon.zeros(2, 2):scatter_add(1, moon.zeros(1, 2, { dtype = "i64" }),
                                 moon.zeros(2, 2))
  end)
  op.refuses("other dtypes", "scatter_add: f32 and f64; cast one", function()
    moon.zeros(2):scatter_add(1, moon.zeros(2, { dtype = "i64" }),
                              moon.zeros(2, { dtype = "f64" }))
  end)
end)

describe("one_hot", function()
  op.everywhere("has a 1 where each number says", function(device)
    local i = moon.tensor({ { 1, 0 }, { 2, 2 } }, { dtype = "i64",
                                                    device = device })
    local y = moon.one_hot(i, 3)
    assert.same({ 2, 2, 3 }, y:shape())
    assert.equal("i64", y:dtype())
    assert.same({ 0, 1, 0, 1, 0, 0, 0, 0, 1, 0, 0, 1 }, op.flat(y))
    for _, dtype in ipairs{ "f32", "f64", "i32", "u8", "bool" } do
      assert.same({ 0, 1, 0 }, op.flat(moon.one_hot(i[1][1], 3,
                                                    { dtype = dtype })))
    end
  end)

  op.everywhere("of no numbers is empty", function(device)
    local none = moon.zeros(0, 2, { dtype = "i64", device = device })
    assert.same({ 0, 2, 3 }, moon.one_hot(none, 3):shape())
  end)

  op.everywhere("carries the error of a number out of range", function(device)
    local i = moon.tensor({ 0, 3 }, { dtype = "i64", device = device })
    assert.error_matches(function() moon.one_hot(i, 3):await() end,
                         "one_hot: index 3 at position 2 is outside")
  end)

  op.refuses("numbers that are not whole", "one_hot: index is f32; i64 needed",
             function() moon.one_hot(moon.zeros(2), 3) end)
  op.refuses("no classes", "one_hot: classes is a number, not nothing",
             function() moon.one_hot(moon.zeros(2, { dtype = "i64" })) end)
end)
