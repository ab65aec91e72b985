local moon = require "moonseed"
local op = require "support.op"

local dimensions = { { 1 }, { 2 }, { 3 }, { 1, 3 }, { 1, 2, 3 } }

describe("reduction", function()
  for _, kind in ipairs{ "sum", "mean", "norm", "var", "max", "min", "std",
                         "prod", "logsumexp" } do
    local x = { 2, 3, 4, fill = "distinct" }
    op.agrees{ kind .. " over all", inputs = { x },
               fn = function(t) return t[kind](t) end }
    for _, dims in ipairs(dimensions) do
      local name = kind .. " over " .. table.concat(dims, ", ")
      op.agrees{ name, inputs = { x },
                 fn = function(t) return (t[kind](t, dims)) end }
      op.agrees{ name .. ", kept", inputs = { x }, fn = function(t)
        return (t[kind](t, dims, { keepdim = true }))
      end }
    end
  end
  op.agrees{ "sum of a scalar", inputs = { {} },
             fn = function(x) return x:sum() end }
  op.agrees{ "sum of none", inputs = { { 2, 0 } },
             fn = function(x) return x:sum(2) end }
  op.agrees{ "prod of none", inputs = { { 2, 0 } },
             fn = function(x) return x:prod(2) end }
  op.agrees{ "norm of none", inputs = { { 2, 0 } },
             fn = function(x) return x:norm(2) end }

  op.everywhere("of integers: sum in i64, max, min", function(device)
    local x = moon.full({ 2, 3 }, 200, { dtype = "u8", device = device })
    assert.equal(1200, x:sum():item())
    assert.equal("i64", x:sum():dtype())
    assert.equal(200, x:max():item())
    assert.same({ { 200 } }, x:min{ 1, 2, keepdim = true }:totable())
    assert.equal(3, x[1]:to("bool"):sum():item())
  end)

  op.everywhere("shares the gradient of max among equals", function(device)
    local x = moon.tensor({ 2, 2, 1 }, { device = device }):requires_grad()
    x:max():backward()
    assert.same({ 0.5, 0.5, 0 }, op.flat(x.grad))
  end)

  op.everywhere("norm has the gradient 0 at 0", function(device)
    local x = moon.zeros(3, { device = device }):requires_grad()
    x:norm():backward()
    assert.same({ 0, 0, 0 }, op.flat(x.grad))
  end)

  op.everywhere("mean of none, var and std of one are NaN", function(device)
    local options = { device = device }
    local mean = moon.zeros(0, options):mean():item()
    local var = moon.zeros(1, options):var():item()
    local std = moon.zeros(1, options):std():item()
    assert.is_true(std ~= std)
    assert.is_true(mean ~= mean)
    assert.is_true(var ~= var)
  end)

  op.everywhere("std has the gradient 0 where all are equal", function(device)
    local x = moon.full({ 3 }, 2, { device = device }):requires_grad()
    x:std():backward()
    assert.same({ 0, 0, 0 }, op.flat(x.grad))
  end)

  op.everywhere("prod has a gradient beside zeros", function(device)
    local x = moon.tensor({ { 2, 3, 4 }, { 0, 3, 4 }, { 0, 3, 0 } },
                          { device = device }):requires_grad()
    assert.same({ 24, 0, 0 }, op.flat(x:prod(2)))
    moon.sum(x:prod(2)):backward()
    assert.same({ 12, 8, 6, 12, 0, 0, 0, 0, 0 }, op.flat(x.grad))
  end)

  op.everywhere("prod of integers is in i64", function(device)
    local o = { dtype = "u8", device = device }
    local y = moon.tensor({ { 200, 200 }, { 3, 0 } }, o):prod(2)
    assert.same({ 40000, 0 }, y:totable())
    assert.equal("i64", y:dtype())
  end)

  op.everywhere("logsumexp holds at the ends of the numbers", function(device)
    local inf = 1 / 0
    local x = moon.tensor({ { 1000, 1000 }, { -1000, -1001 }, { -inf, -inf },
                            { inf, 1 }, { -inf, 5 } }, { device = device })
    local y = op.flat(x:logsumexp(2))
    assert.near(1000 + math.log(2), y[1], 1e-4)
    assert.near(-1000 + math.log(1 + math.exp(-1)), y[2], 1e-4)
    assert.equal(-inf, y[3])
    assert.equal(inf, y[4])
    assert.near(5, y[5], 1e-6)
    local nan = moon.tensor({ 1, 0 / 0 }, { device = device }):logsumexp()
    assert.is_true(nan:item() ~= nan:item())
    assert.equal(-inf, moon.zeros(0, { device = device }):logsumexp():item())
  end)

  op.everywhere("logsumexp joins parts without a finite maximum",
                function(device)
    local x = moon.full({ 300000 }, -1 / 0, { device = device })
    x:narrow(1, 200001, 2):copy_(moon.tensor({ -500, -500 },
                                             { device = device }))
    assert.near(-500 + math.log(2), x:logsumexp():item(), 1e-4)
  end)

  op.everywhere("any and all are of every dtype, to bool", function(device)
    for _, dtype in ipairs{ "f32", "f64", "i64", "i32", "u8", "bool" } do
      local x = moon.tensor({ { 0, 0, 0 }, { 0, 1, 0 }, { 1, 1, 1 } },
                            { dtype = dtype, device = device })
      assert.same({ false, true, true }, x:any(2):totable())
      assert.same({ { false, false, false } },
                  x:all(1, { keepdim = true }):totable())
      assert.same({ true, true, true }, x:any(1):totable())
      assert.same({ false, false, true }, x:t():all(1):totable())
      assert.is_true(x:any():item() and not x:all():item())
      assert.equal("bool", x:any():dtype())
    end
    local none = moon.zeros(0, 2, { device = device })
    assert.same({ false, false }, none:any(1):totable())
    assert.same({ true, true }, none:all(1):totable())
    assert.is_true(moon.tensor(0 / 0, { device = device }):any():item())
  end)

  op.everywhere("any and all look at every element", function(device)
    local x = moon.zeros(7, 130, 9, { device = device })
    x[7][130][9] = 1
    for _, dims in ipairs{ { 1 }, { 2 }, { 3 }, { 1, 3 }, { 2, 3 } } do
      assert.equal(1, x:any(dims):sum():item())
      assert.equal(x:eq(0):all(dims):numel() - 1,
                   x:eq(0):all(dims):sum():item())
    end
    assert.is_true(x:any():item())
    assert.is_false(x:eq(0):all():item())
  end)

  op.everywhere("max lets NaN win", function(device)
    local x = moon.tensor({ 1, 0 / 0, 3 }, { device = device })
    local y = x:max():item()
    assert.is_true(y ~= y)
  end)

  -- The cpu has ways of its own for short rows and for tall columns.
  for _, n in ipairs{ 1, 7, 16, 31, 64, 100, 1024, 1025, 3000 } do
    it(("rows and columns of %d are near f64's"):format(n), function()
      local x = moon.randn(9, n) + 0.1
      for _, kind in ipairs{ "sum", "mean", "max", "min", "logsumexp" } do
        local exact = x:to("f64")
        local from = { x, x:t(), x:t():contiguous() }
        for i, dim in ipairs{ 2, 1, 1 } do
          local y = from[i][kind](from[i], { dim }):to("f64")
          local off = (y - exact[kind](exact, { 2 })):abs():max():item()
          assert.is_true(off < 1e-6 * n, kind)
        end
      end
    end)
  end

  it("NaN wins anywhere in a row", function()
    for at = 1, 40 do
      local x = moon.rand(3, 40)
      x[2][at] = 0 / 0
      for _, kind in ipairs{ "sum", "mean", "max", "min", "logsumexp" } do
        local y = op.flat(x[kind](x, { 2 }))
        assert.is_true(y[1] == y[1] and y[2] ~= y[2] and y[3] == y[3], kind)
      end
    end
  end)

  op.refuses("max of none", "max: no elements along dimension 2 (x 3x0)",
             function() moon.zeros(3, 0):max{ 1, 2 } end)
  op.refuses("mean of integers", "mean: i64; cast it to f32 or f64",
             function() moon.zeros(3, { dtype = "i64" }):mean() end)
  op.refuses("logsumexp of integers",
             "logsumexp: i64; cast it to f32 or f64",
             function() moon.zeros(3, { dtype = "i64" }):logsumexp() end)
  op.refuses("a dimension twice", "sum: dimension 2 twice (x 2x3)",
             function() moon.zeros(2, 3):sum{ 2, 2 } end)
end)
