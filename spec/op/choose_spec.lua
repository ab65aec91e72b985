local moon = require "moonseed"
local op = require "support.op"

describe("the choice", function()
  for _, name in ipairs{ "minimum", "maximum" } do
    local fn = function(a, b) return moon[name](a, b) end
    op.agrees{ name, inputs = { { 3, 4, fill = "distinct" }, { 3, 4 } },
               fn = fn }
    op.agrees{ name .. " that broadcasts", inputs = { { 2, 3, 4 }, { 3, 1 } },
               fn = fn }
    op.agrees{ name .. " with a number", inputs = { { 3, 4 } },
               fn = function(a) return a[name](a, 0.105) + fn(-0.2, a) end }
    op.agrees{ name .. " of one value", inputs = { {}, {} }, fn = fn }
    op.agrees{ name .. " of none", inputs = { { 0, 3 }, { 3 } }, fn = fn }
    op.refuses(name .. " of bool", name .. ": bool; cast both to a number",
               function()
      local x = moon.zeros(2, { dtype = "bool" })
      fn(x, x)
    end)
  end

  op.everywhere("of equals shares the gradient", function(device)
    local a = moon.tensor({ 1, 2 }, { device = device }):requires_grad()
    local b = moon.tensor({ 1, 3 }, { device = device }):requires_grad()
    moon.sum(a:maximum(b)):backward()
    assert.same({ 0.5, 0 }, op.flat(a.grad))
    assert.same({ 0.5, 1 }, op.flat(b.grad))
  end)

  op.everywhere("of integers", function(device)
    local a = moon.tensor({ -1, 5 }, { dtype = "i64", device = device })
    assert.same({ -1, 2 }, a:minimum(2):totable())
    assert.same({ 0, 5 }, moon.maximum(0, a):totable())
  end)

  op.refuses("two numbers", "maximum: b is a tensor, not number",
             function() moon.maximum(1, 2) end)
  op.refuses("shapes that do not fit",
             "minimum: shapes 2 and 3 do not broadcast (2 and 3)",
             function() moon.minimum(moon.zeros(2), moon.zeros(3)) end)
end)

describe("a condition", function()
  local patterns = { false, false, true, true }
  local other = { false, true, false, true }
  local wanted = { logical_and = { false, false, false, true },
                   logical_or = { false, true, true, true },
                   logical_xor = { false, true, true, false },
                   eq = { true, false, false, true },
                   ne = { false, true, true, false } }
  for name, result in pairs(wanted) do
    op.everywhere(name .. " of bool", function(device)
      local a = moon.tensor(patterns, { device = device })
      local b = moon.tensor(other, { device = device })
      assert.same(result, a[name](a, b):totable())
      local row = a:reshape(4, 1):expand(4, 4)
      local y = row[name](row, b:reshape(4, 1)):t():contiguous()
      assert.same(result, y[2]:totable())
      assert.equal("bool", y:dtype())
    end)
  end

  op.everywhere("is false of 0 and true of NaN", function(device)
    local x = moon.tensor({ 0, 2, 0 / 0 }, { device = device })
    local yes = moon.ones(3, { device = device })
    assert.same({ true, false, false }, x:logical_not():totable())
    assert.same({ false, true, true }, x:logical_and(yes):totable())
    assert.same({ false, true, true }, x:to("bool"):totable())
    local b = x:to "bool"
    assert.same({ true, false, false }, moon.logical_not(b):totable())
  end)

  op.everywhere("of none is none", function(device)
    local x = moon.zeros(0, 2, { dtype = "bool", device = device })
    assert.same({ 0, 2 }, x:logical_and(x):logical_not():shape())
  end)

  op.refuses("two dtypes", "logical_and: f32 and bool; cast one", function()
    moon.zeros(2):logical_and(moon.zeros(2, { dtype = "bool" }))
  end)
end)
