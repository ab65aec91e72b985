local moon = require "moonseed"
local op = require "support.op"
local task = require "support.task"

local shape, positive = { 3, 4 }, { 3, 4, fill = "positive" }

describe("one tensor", function()
  local cases = {
    { "neg", shape, function(x) return -x end },
    { "relu", shape, function(x) return x:relu() end },
    { "exp", shape, function(x) return x:exp() end },
    { "log", positive, function(x) return x:log() end },
    { "sqrt", positive, function(x) return x:sqrt() end },
    { "abs", shape, function(x) return x:abs() end },
    { "sigmoid", shape, function(x) return x:sigmoid() end },
    { "tanh", shape, function(x) return x:tanh() end },
    { "sigmoid of one value", {}, function(x) return x:sigmoid() end },
    { "tanh of none", { 0, 3 }, function(x) return x:tanh() end },
    { "x + s", shape, function(x) return x + 0.75 end },
    { "x * s", shape, function(x) return x * -1.5 end },
    { "s - x", shape, function(x) return 2 - x end },
    { "s / x", positive, function(x) return 3 / x end },
    { "x ^ 2.5", positive, function(x) return x ^ 2.5 end },
    { "x ^ 2", shape, function(x) return x ^ 2 end },
    { "x ^ 0", shape, function(x) return x ^ 0 end },
    { "exp of one value", {}, function(x) return x:exp() end },
    { "exp of none", { 0, 3 }, function(x) return x:exp() end },
  }
  for _, case in ipairs(cases) do
    op.agrees{ case[1], inputs = { case[2] }, fn = case[3] }
  end

  op.everywhere("has the gradient 0 of relu and abs at 0", function(device)
    local x = moon.zeros(2, { device = device }):requires_grad()
    moon.sum(x:relu() + x:abs()):backward()
    assert.same({ 0, 0 }, op.flat(x.grad))
  end)

  op.everywhere("compares with a number, to bool", function(device)
    local x = moon.tensor({ 1, 2, 3 }, { dtype = "i64", device = device })
    assert.same({ false, true, true }, x:ge(2):totable())
    assert.same({ true, false, true }, x:ne(2):totable())
    assert.equal("bool", x:lt(2):dtype())
  end)

  op.everywhere("computes with integers", function(device)
    local x = moon.tensor({ -2, 3 }, { dtype = "i32", device = device })
    assert.same({ 2, 3 }, x:abs():totable())
    assert.same({ 5, -5 }, (-x * 2 + 1):totable())
    assert.same({ 0, 3 }, x:relu():totable())
  end)

  op.everywhere("passes NaN and infinity on", function(device)
    local x = moon.tensor({ 0, -1, 1 / 0 }, { device = device })
    local y = x:log():totable()
    assert.equal(-1 / 0, y[1])
    assert.is_true(y[2] ~= y[2])
    assert.equal(1 / 0, y[3])
  end)

  -- Numbers from tiny to huge, of both signs, and the borders of the parts
  -- that tanh is made of.
  local function wide()
    local list = { 0.625, -0.625, 0.62499994, 88.7, -88.7, -90, -100, 9.01 }
    for e = -40, 7 do
      for k = 1, 25 do
        list[#list + 1] = (e % 2 == 0 and 1 or -1) * 2 ^ (e + k / 25)
      end
    end
    return list
  end

  for _, name in ipairs{ "sigmoid", "tanh" } do
    it(name .. " is off by at most four units in the last place, in f32",
       task(function()
      local x = moon.tensor(wide())
      local exact = op.flat(x:to("f64"):to("ref")[name](x:to("f64"):to("ref")))
      for i, y in ipairs(op.flat(x[name](x))) do
        local unit = math.max(2 ^ -149, math.abs(exact[i]) * 2 ^ -23)
        assert.is_true(math.abs(y - exact[i]) <= 4 * unit,
                       ("%s %.9g: %.9g"):format(name, op.flat(x)[i], y))
      end
    end))
  end

  op.everywhere("has sigmoid and tanh at the ends of the numbers",
                function(device)
    for _, dtype in ipairs{ "f32", "f64" } do
      local x = moon.tensor({ 1 / 0, -1 / 0, 0 / 0, 1e4, -1e4 },
                            { device = device, dtype = dtype })
      local s, t = x:sigmoid():totable(), x:tanh():totable()
      assert.is_true(s[3] ~= s[3] and t[3] ~= t[3])
      s[3], t[3] = 0, 0
      assert.same({ 1, 0, 0, 1, 0 }, s)
      assert.same({ 1, -1, 0, 1, -1 }, t)
    end
  end)

  op.everywhere("keeps the sign of zero in tanh", function(device)
    local zero = moon.zeros(1, { device = device }) * -1
    assert.equal(-1 / 0, 1 / zero:tanh():item())
  end)

  op.everywhere("has finite gradients of sigmoid and tanh far out",
                function(device)
    local x = moon.tensor({ -1 / 0, -200, 200, 1 / 0 }, { device = device })
    x:requires_grad()
    moon.sum(x:sigmoid() + x:tanh()):backward()
    op.assert_near({ 0, 0, 0, 0 }, op.flat(x.grad), 1e-30, device)
  end)

  it("keeps the strides of its tensor", task(function()
    local y = moon.zeros(2, 3):t():exp()
    assert.same({ 6 }, y:t():view(6):shape())
  end))

  local i64 = { dtype = "i64" }
  op.refuses("exp of integers", "exp: i64; cast it to f32 or f64",
             function() moon.zeros(2, i64):exp() end)
  op.refuses("sigmoid of integers", "sigmoid: i64; cast it to f32 or f64",
             function() moon.zeros(2, i64):sigmoid() end)
  op.refuses("tanh of integers", "tanh: i64; cast it to f32 or f64",
             function() moon.zeros(2, i64):tanh() end)
  op.refuses("half a number for integers", "add: 0.5 is no i64",
             function() return moon.zeros(2, i64) + 0.5 end)
  op.refuses("bool", "neg: bool; cast it to a number dtype",
             function() return -moon.zeros(2, { dtype = "bool" }) end)
end)
