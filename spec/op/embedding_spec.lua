local moon = require "moonseed"
local op = require "support.op"

local function look(values, options)
  return function(weight)
    return moon.embedding(op.index(weight, values), weight, options)
  end
end

describe("embedding", function()
  op.agrees{ "of a list", inputs = { { 4, 3 } }, fn = look{ 2, 0, 2 } }
  op.agrees{ "of rows of numbers", inputs = { { 3, 2 } },
             fn = look{ { 0, 1, 1 }, { 2, 2, 2 } } }
  op.agrees{ "of one number", inputs = { { 3, 2 } }, fn = look(1) }
  op.agrees{ "of no numbers", inputs = { { 3, 2 } }, fn = function(weight)
    local none = moon.zeros(2, 0, { dtype = "i64", device = weight:device() })
    return moon.embedding(none, weight)
  end }

  local many = {}
  for i = 1, 900 do many[i] = i * 37 % 211 end
  op.matches{ "of many", inputs = { { 211, 130 } }, fn = look(many) }

  op.everywhere("gives the padding's row no gradient", function(device)
    local weight = moon.ones(3, 2, { device = device }):requires_grad()
    look({ 0, 1, 1, 2 }, { padding = 1 })(weight):sum():backward()
    assert.same({ 1, 1, 0, 0, 1, 1 }, op.flat(weight.grad))
  end)

  op.everywhere("carries the error of a number out of range", function(device)
    local y = look{ 0, 3 }(moon.ones(3, 2, { device = device }))
    assert.error_matches(function() y:await() end, "embedding: index 3 at " ..
                         "position 2 is outside [0, 3)", 1, true)
  end)

  op.refuses("padding that is no row",
             "embedding: padding 3 is outside [0, 3) (weight 3x2)",
             function() look({ 0 }, { padding = 3 })(moon.ones(3, 2)) end)
  op.refuses("a table that is no matrix",
             "embedding: weight has 3 dimensions (1x2x3), expected 2",
             function() look{ 0 }(moon.ones(1, 2, 3)) end)
  op.refuses("numbers that are not whole",
             "embedding: index is f32; i64 needed", function()
    moon.embedding(moon.zeros(2), moon.zeros(3, 2))
  end)
  op.refuses("too many dimensions", "embedding: 9 dimensions", function()
    local index = moon.zeros(1, 1, 1, 1, 1, 1, 1, 1, { dtype = "i64" })
    moon.embedding(index, moon.zeros(3, 2))
  end)
end)
