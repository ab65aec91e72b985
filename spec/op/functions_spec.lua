-- Functions of one tensor beyond those of unary_spec.lua.

local bits = require "support.bits"
local moon = require "moonseed"
local op = require "support.op"
local task = require "support.task"

local shape = { 3, 4 }

-- Far from where floor, ceil and round jump.
local function between(x) return x * 0.9 + 0.01 end

describe("the function", function()
  local cases = {
    { "sign", function(x) return x:sign() * x end },
    { "floor", function(x) return between(x):floor() end },
    { "ceil", function(x) return between(x):ceil() end },
    { "round", function(x) return (between(x) * 3):round() end },
    { "sin", function(x) return (x * 5):sin() end },
    { "cos", function(x) return (x * 5):cos() end },
    { "erf", function(x) return (x * 2):erf() end },
    { "silu", function(x) return (x * 5):silu() end },
    { "gelu", function(x) return (x * 3):gelu() end },
    { "gelu by tanh",
      function(x) return (x * 3):gelu{ approximate = "tanh" } end },
    { "leaky_relu", function(x) return x:leaky_relu() end },
    { "leaky_relu of slope -0.5", function(x) return x:leaky_relu(-0.5) end },
    { "elu", function(x) return (x * 3):elu() end },
    { "elu of alpha 0.5", function(x) return x:elu(0.5) end },
    { "softplus", function(x) return (x * 4):softplus() end },
    { "softplus of beta 3",
      function(x) return x:softplus{ beta = 3, threshold = 2.03 } end },
    { "clamp", function(x) return x:clamp(-0.505, 0.505) end },
    { "clamp from below", function(x) return x:clamp(0.255) end },
    { "clamp from above", function(x) return x:clamp(nil, 0.255) end },
  }
  for _, case in ipairs(cases) do
    op.agrees{ case[1], inputs = { shape }, fn = case[2] }
  end
  op.agrees{ "gelu of one value", inputs = { {} },
             fn = function(x) return x:gelu() end }
  op.agrees{ "clamp of none", inputs = { { 0, 3 } },
             fn = function(x) return x:clamp(0, 1) end }

  -- Both signs of numbers from tiny to 2^top.
  local function wide(top)
    local list = {}
    for e = -30, top do
      for k = 1, 20 do
        list[#list + 1] = 2 ^ (e + k / 20)
        list[#list + 1] = -list[#list]
      end
    end
    return list
  end

  -- What the vector functions state of their errors, in units of the last
  -- place; of gelu's tail, where x^2 is rounded, x^2 more.
  local function tail(x) return 8 + x * x end
  local errors = {
    sin = { 2, 27 }, cos = { 2, 27 }, erf = { 4, 6 }, silu = { 6, 5 },
    elu = { 6, 6 }, softplus = { 6, 6 }, gelu = { tail, 3 },
  }
  for name, stated in pairs(errors) do
    it(name .. " is as exact as stated, in f32", task(function()
      local x = moon.tensor(wide(stated[2]))
      local exact = op.flat(x:to("f64", "ref")[name](x:to("f64", "ref")))
      local values = op.flat(x)
      for i, y in ipairs(op.flat(x[name](x))) do
        local units = stated[1]
        if type(units) == "function" then units = units(values[i]) end
        local unit = math.max(2 ^ -149, math.abs(exact[i]) * 2 ^ -23)
        assert.is_true(math.abs(y - exact[i]) <= units * unit,
                       ("%s %.9g: %.9g for %.9g"):format(name, values[i], y,
                                                         exact[i]))
      end
    end))
  end

  it("sin is exact beside a number too large for vectors", task(function()
    local near = moon.tensor{ 1, 2, 3 }:sin():totable()
    local beside = moon.tensor{ 1, 2, 3, 1e30, -1e10 }:sin():totable()
    for i, v in ipairs(near) do assert.equal(v, beside[i]) end
    local exact = moon.tensor({ 1e30, -1e10 }):to("f64"):sin():totable()
    assert.near(exact[1], beside[4], 1e-7)
    assert.near(exact[2], beside[5], 1e-7)
  end))

  op.everywhere("has finite gradients far out", function(device)
    local x = moon.tensor({ -1e20, -200, 200, 1e20 }, { device = device })
    x:requires_grad()
    local y = x:silu() + x:gelu() + x:gelu{ approximate = "tanh" } + x:elu()
              + x:softplus() + x:erf()
    moon.sum(y):backward()
    op.assert_near({ 0, 0, 5, 5 }, op.flat(x.grad), 1e-30, device)
  end)

  op.everywhere("rounds halves to even", function(device)
    local x = moon.tensor({ -2.5, -1.5, -0.5, 0.5, 1.5, 2.5 },
                          { device = device })
    assert.same({ -2, -2, 0, 0, 2, 2 }, op.flat(x:round()))
  end)

  op.everywhere("computes with integers", function(device)
    local x = moon.tensor({ -7, 0, 3 }, { dtype = "i64", device = device })
    assert.same({ -1, 0, 1 }, x:sign():totable())
    assert.same({ -7, 0, 3 }, x:floor():totable())
    assert.same({ -2, 0, 2 }, x:clamp(-2, 2):totable())
    assert.same({ -2, 0, 3 }, x:clamp(-2):totable())
    assert.same({ true, true, true }, x:isfinite():totable())
    assert.same({ false, false, false }, x:isnan():totable())
    assert.equal("i64", x:clamp(0):dtype())
  end)

  op.everywhere("tells numbers, infinities and NaN", function(device)
    for _, dtype in ipairs{ "f32", "f64" } do
      local x = moon.tensor({ 1, 1 / 0, -1 / 0, 0 / 0 },
                            { device = device, dtype = dtype })
      assert.same({ false, false, false, true }, x:isnan():totable())
      assert.same({ false, true, true, false }, x:isinf():totable())
      assert.same({ true, false, false, false }, x:isfinite():totable())
    end
  end)

  local i64 = { dtype = "i64" }
  op.refuses("gelu of integers", "gelu: i64; cast it to f32 or f64",
             function() moon.zeros(2, i64):gelu() end)
  op.refuses("an unknown approximation", "gelu: no approximation 'sigmoid'",
             function() moon.zeros(2):gelu{ approximate = "sigmoid" } end)
  op.refuses("an unknown option",
             "softplus: no option 'alpha' (known: beta, threshold)",
             function() moon.zeros(2):softplus{ alpha = 1 } end)
  op.refuses("softplus of beta 0", "softplus: beta is 0",
             function() moon.zeros(2):softplus{ beta = 0 } end)
  op.refuses("clamp without a bound", "clamp: without a bound",
             function() moon.zeros(2):clamp() end)
  op.refuses("clamp to NaN", "clamp: a bound is NaN",
             function() moon.zeros(2):clamp(0 / 0) end)
  op.refuses("half a bound of integers", "clamp: 0.5 is no i64",
             function() moon.zeros(2, i64):clamp(0.5) end)
  op.refuses("the sign of bool", "sign: bool; cast it to a number dtype",
             function() moon.zeros(2, { dtype = "bool" }):sign() end)
end)

-- Those whose exponentials are computed many at a time.
describe("an element's bits do not depend on its place:", function()
  local cases = {
    exp = function(x) return x:exp() end,
    sigmoid = function(x) return x:sigmoid() end,
    tanh = function(x) return x:tanh() end,
    silu = function(x) return x:silu() end,
    gelu = function(x) return x:gelu() end,
    ["gelu by tanh"] = function(x) return x:gelu{ approximate = "tanh" } end,
  }

  -- fn(x) and its gradient.
  local function both(fn, x)
    local leaf = x:detach():requires_grad()
    local y = fn(leaf)
    y:sum():backward()
    return bits.of(y) .. bits.of(leaf.grad)
  end

  for name, fn in pairs(cases) do
    it(name, task(function()
      moon.manual_seed(1)
      local x = moon.randn(230) * 4
      local size = 4
      local whole = both(fn, x)
      local half = #whole / 2
      for first = 1, 230, 37 do
        local n = math.min(53, 231 - first)
        local from = (first - 1) * size
        local part = both(fn, x:narrow(1, first, n))
        local expected = whole:sub(from + 1, from + n * size) ..
                         whole:sub(half + from + 1, half + from + n * size)
        assert.is_true(part == expected, ("from %d on"):format(first))
      end
    end))
  end
end)
