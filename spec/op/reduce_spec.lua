local moon = require "moonseed"
local op = require "support.op"

local dimensions = { { 1 }, { 2 }, { 3 }, { 1, 3 }, { 1, 2, 3 } }

describe("reduction", function()
  for _, kind in ipairs{ "sum", "mean", "norm", "var", "max", "min" } do
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

  op.everywhere("mean of none and var of one are NaN", function(device)
    local options = { device = device }
    local mean = moon.zeros(0, options):mean():item()
    local var = moon.zeros(1, options):var():item()
    assert.is_true(mean ~= mean)
    assert.is_true(var ~= var)
  end)

  op.everywhere("max lets NaN win", function(device)
    local x = moon.tensor({ 1, 0 / 0, 3 }, { device = device })
    local y = x:max():item()
    assert.is_true(y ~= y)
  end)

  op.refuses("max of none", "max: no elements along dimension 2 (x 3x0)",
             function() moon.zeros(3, 0):max{ 1, 2 } end)
  op.refuses("mean of integers", "mean: i64; cast it to f32 or f64",
             function() moon.zeros(3, { dtype = "i64" }):mean() end)
  op.refuses("a dimension twice", "sum: dimension 2 twice (x 2x3)",
             function() moon.zeros(2, 3):sum{ 2, 2 } end)
end)
