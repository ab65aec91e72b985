local moon = require "moonseed"
local op = require "support.op"

for _, name in ipairs{ "tril", "triu" } do
  local function side(diagonal)
    return function(x) return x[name](x, diagonal) end
  end

  describe(name, function()
    op.agrees{ "of a matrix", inputs = { { 3, 4 } }, fn = side() }
    op.agrees{ "of many, another diagonal", inputs = { { 2, 4, 3 } },
               fn = side(1) }
    op.agrees{ "of a diagonal below", inputs = { { 4, 3 } }, fn = side(-2) }
    op.agrees{ "of a diagonal outside", inputs = { { 2, 3 } }, fn = side(5) }
    op.agrees{ "of one element", inputs = { { 1, 1 } }, fn = side() }
    op.agrees{ "of nothing", inputs = { { 2, 0, 3 } }, fn = side() }
    op.matches{ "of large matrices", inputs = { { 9, 131, 67 } },
                fn = side(-3) }

    op.everywhere("is there for every dtype", function(device)
      for _, dtype in ipairs{ "f64", "i64", "i32", "u8", "bool" } do
        local x = moon.ones(2, 2, { dtype = dtype, device = device })
        assert.same(name == "tril" and { 1, 0, 1, 1 } or { 1, 1, 0, 1 },
                    op.flat(side()(x)))
      end
    end)

    op.refuses("a vector",
               name .. ": x has 1 dimensions (3), 2 or more needed",
               function() side()(moon.zeros(3)) end)
    op.refuses("half a diagonal", name .. ": the diagonal is a whole number",
               function() side(0.5)(moon.zeros(2, 3)) end)
  end)
end
