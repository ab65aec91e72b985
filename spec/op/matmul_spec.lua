local moon = require "moonseed"
local op = require "support.op"
local task = require "support.task"

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

  op.agrees{ "of many pairs", inputs = { { 2, 3, 4, 5 }, { 2, 3, 5, 2 } },
             fn = product }
  op.agrees{ "of pairs that broadcast",
             inputs = { { 2, 1, 2, 3 }, { 3, 3, 2 } }, fn = product }
  op.agrees{ "of one matrix with many", inputs = { { 4, 3 }, { 2, 3, 2 } },
             fn = product }
  op.agrees{ "of many with one matrix", inputs = { { 2, 2, 3 }, { 3, 4 } },
             fn = product }
  op.agrees{ "of many with a transpose", inputs = { { 2, 2, 3 }, { 2, 4, 3 } },
             fn = function(a, b) return a:matmul(b:permute(1, 3, 2)) end }
  op.agrees{ "of no pairs", inputs = { { 0, 2, 3 }, { 0, 3, 2 } },
             fn = product }
  op.agrees{ "of two vectors", inputs = { { 5 }, { 5 } }, fn = product }
  op.agrees{ "of a vector with a matrix", inputs = { { 3 }, { 3, 2 } },
             fn = product }
  op.agrees{ "of a matrix with a vector", inputs = { { 2, 3 }, { 3 } },
             fn = product }
  op.agrees{ "of a vector with many", inputs = { { 3 }, { 2, 3, 2 } },
             fn = product }
  op.agrees{ "of many with a vector", inputs = { { 2, 2, 3 }, { 3 } },
             fn = product }
  op.agrees{ "of a vector with itself", inputs = { { 3 } },
             fn = function(a) return a:matmul(a) end }

  -- Few large ones are cut, along the sum too; many small ones share a part.
  for _, shape in ipairs{ { 2, 64, 9000, 32 }, { 3, 400, 64, 300 },
                          { 200, 8, 16, 24 } } do
    local n, rows, inner, columns = unpack(shape)
    it(("gives %d products of %dx%dx%d as one by one"):format(unpack(shape)),
       task(function()
      local a = moon.randn(n, rows, inner)
      local b = moon.randn(n, inner, columns)
      local all, one = a:matmul(b), {}
      for i = 1, n do one[i] = a[i]:matmul(b[i]) end
      assert.is_true(moon.allclose(all, moon.stack(one), { atol = 1e-3 }))
    end))
  end

  op.everywhere("adds a second gradient of many to the first",
                function(device)
    local a = moon.ones(2, 1, 2, { device = device }):requires_grad()
    local b = moon.ones(2, 1, { device = device }):requires_grad()
    for _ = 1, 2 do a:bmm(b:expand(2, 2, 1)):sum():backward() end
    assert.same({ 2, 2, 2, 2 }, op.flat(a.grad))
    assert.same({ 4, 4 }, op.flat(b.grad))
  end)

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
  op.refuses("a scalar", "matmul: no dimensions (a 2x2, b scalar)",
             function() moon.zeros(2, 2):matmul(moon.tensor(1)) end)
  op.refuses("matrices that do not broadcast",
             "matmul: the matrices of 2x3x4 and 3x4x5 do not broadcast",
             function() moon.zeros(2, 3, 4):matmul(moon.zeros(3, 4, 5)) end)
  op.refuses("integers", "matmul: i64; cast it to f32 or f64", function()
    local a = moon.zeros(2, 2, { dtype = "i64" })
    a:matmul(a)
  end)
end)

describe("bmm", function()
  op.agrees{ "of pairs", inputs = { { 2, 3, 4 }, { 2, 4, 2 } },
             fn = function(a, b) return a:bmm(b) end }
  op.refuses("other numbers of matrices",
             "bmm: 1 and 2 matrices (a 1x3x4, b 2x4x2)",
             function() moon.zeros(1, 3, 4):bmm(moon.zeros(2, 4, 2)) end)
  op.refuses("matrices", "bmm: a has 2 dimensions (3x4), expected 3",
             function() moon.zeros(3, 4):bmm(moon.zeros(4, 2)) end)
  op.refuses("columns that are not rows", "bmm: 4 columns and 3 rows",
             function() moon.zeros(1, 3, 4):bmm(moon.zeros(1, 3, 4)) end)
end)
