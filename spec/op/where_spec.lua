local moon = require "moonseed"
local op = require "support.op"

-- Of a fixed pattern.
local function mask(x, ...)
  local list, n = {}, 1
  for _, extent in ipairs{ ... } do n = n * extent end
  for i = 1, n do list[i] = i % 3 ~= 0 end
  return moon.tensor(list, { device = x:device() }):reshape{ ... }
end

describe("where", function()
  op.agrees{ "of two", inputs = { { 3, 4 }, { 3, 4 } }, fn = function(a, b)
    return moon.where(mask(a, 3, 4), a, b)
  end }
  op.agrees{ "that broadcasts", inputs = { { 4 }, { 3, 1 } },
             fn = function(a, b) return mask(a, 2, 1, 4):where(a, b) end }
  op.agrees{ "with a number", inputs = { { 3, 4 } }, fn = function(a)
    return moon.where(mask(a, 4), a, 7) + moon.where(mask(a, 3, 1), -1, a)
  end }
  op.agrees{ "of one value", inputs = { {}, {} }, fn = function(a, b)
    return moon.where(moon.tensor(false, { device = a:device() }), a, b)
  end }
  op.agrees{ "of none", inputs = { { 0, 3 }, { 3 } }, fn = function(a, b)
    return moon.where(mask(a, 3), a, b)
  end }

  op.everywhere("moves bits of any dtype", function(device)
    for _, dtype in ipairs{ "f64", "i64", "i32", "u8", "bool" } do
      local o = { dtype = dtype, device = device }
      local a = moon.tensor({ 1, 0, 1, 0 }, o)
      local b = moon.tensor({ 0, 0, 1, 1 }, o)
      local y = mask(a, 4):where(a, b)
      assert.equal(dtype, y:dtype())
      assert.same({ 1, 0, 1, 0 }, op.flat(y))
    end
  end)

  op.everywhere("of two numbers is f32", function(device)
    local c = moon.tensor({ true, false }, { device = device })
    local y = moon.where(c, 1.5, -2)
    assert.same({ 1.5, -2 }, y:totable())
    assert.equal("f32", y:dtype())
  end)

  op.everywhere("lets no NaN through from what was not picked",
                function(device)
    local x = moon.tensor({ -1, 4 }, { device = device }):requires_grad()
    local y = moon.where(x:gt(0), x:sqrt(), 0)
    assert.same({ 0, 2 }, op.flat(y))
    local z = moon.where(x:gt(0), x, 0 / 0)
    moon.sum(moon.where(x:gt(0), z, 1)):backward()
    assert.same({ 0, 1 }, op.flat(x.grad))
  end)

  op.refuses("a condition of numbers",
             "where: the condition is f32; bool needed",
             function() moon.where(moon.zeros(2), 1, 2) end)
  op.refuses("two dtypes", "where: f32 and f64; cast one", function()
    moon.where(moon.zeros(2):eq(0), moon.zeros(2),
               moon.zeros(2, { dtype = "f64" }))
  end)
  op.refuses("shapes that do not fit",
             "where: shapes 2 and 3 do not broadcast (2 and 3)", function()
    moon.where(moon.zeros(3):eq(0), moon.zeros(2), 0)
  end)
  op.refuses("nothing", "where: b is a tensor, not nothing", function()
    moon.where(moon.zeros(3):eq(0), moon.zeros(3))
  end)
end)
