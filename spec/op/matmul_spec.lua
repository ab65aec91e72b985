local moon = require "moonseed"
local op = require "support.op"

describe("matmul", function()
  local function product(a, b) return a:matmul(b) end
  op.agrees{ "of matrices", inputs = { { 3, 4 }, { 4, 2 } }, fn = product }
  op.agrees{ "with a transpose", inputs = { { 3, 4 }, { 2, 4 } },
             fn = function(a, b) return a:matmul(b:t()) end }
  op.agrees{ "of a row and a column", inputs = { { 1, 5 }, { 5, 1 } },
             fn = product }
  op.agrees{ "of no rows", inputs = { { 0, 4 }, { 4, 2 } }, fn = product }
  op.agrees{ "over nothing", inputs = { { 3, 0 }, { 0, 2 } }, fn = product }
  op.agrees{ "of a size that is no multiple of a vector",
             inputs = { { 7, 19 }, { 19, 5 } }, fn = product,
             tolerance = 2e-5 }

  op.everywhere("adds a second gradient to the first", function(device)
    local a = moon.ones(1, 2, { device = device }):requires_grad()
    local b = moon.ones(2, 1, { device = device }):requires_grad()
    for _ = 1, 2 do a:matmul(b):backward() end
    assert.same({ 2, 2 }, op.flat(a.grad))
    assert.same({ 2, 2 }, op.flat(b.grad))
  end)

  op.refuses("columns that are not rows",
             "matmul: 2 columns and 3 rows (a 2x2, b 3x1)",
             function() moon.zeros(2, 2):matmul(moon.zeros(3, 1)) end)
  op.refuses("vectors", "matmul: b has 1 dimensions (2), expected 2",
             function() moon.zeros(2, 2):matmul(moon.zeros(2)) end)
  op.refuses("integers", "matmul: i64; cast it to f32 or f64", function()
    local a = moon.zeros(2, 2, { dtype = "i64" })
    a:matmul(a)
  end)
end)
