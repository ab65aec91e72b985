local moon = require "moonseed"
local op = require "support.op"
local task = require "support.task"

local functions = {
  add = function(a, b) return a + b end,
  sub = function(a, b) return a - b end,
  mul = function(a, b) return a * b end,
  div = function(a, b) return a / b end,
  pow = function(a, b) return a ^ b end,
}
local pairs_of_shapes = {
  { { 2, 3 }, { 2, 3 } }, { { 2, 3 }, { 3 } }, { {}, { 2, 3 } },
  { { 2, 1, 3 }, { 4, 1 } }, { { 1, 1 }, { 1 } }, { { 0, 3 }, { 3 } },
}

local function text(shape)
  return #shape == 0 and "scalar" or table.concat(shape, "x")
end

describe("two tensors", function()
  for name, fn in pairs(functions) do
    for _, shapes in ipairs(pairs_of_shapes) do
      local a, b = { fill = "positive" }, { fill = "positive" }
      for d, n in ipairs(shapes[1]) do a[d] = n end
      for d, n in ipairs(shapes[2]) do b[d] = n end
      op.agrees{ ("%s of %s and %s"):format(name, text(a), text(b)),
                 inputs = { a, b }, fn = fn }
    end
  end

  op.agrees{ "a tensor with itself", inputs = { { 3, 2 } },
             fn = function(x) return x * x end }

  op.everywhere("has finite gradients of 0 ^ 0", function(device)
    local a = moon.zeros(1, { device = device }):requires_grad()
    local b = moon.zeros(1, { device = device }):requires_grad()
    moon.sum(a ^ b):backward()
    assert.same({ 0 }, op.flat(a.grad))
    assert.same({ 0 }, op.flat(b.grad))
  end)

  -- Both numbers of every pair; and to each number as a constant.
  it("gives powers of special numbers as ref does", task(function()
    local far = 1 / 0
    local from = { 0, -0.0, 1, -1, 2, -2, 0.5, -3.7, far, -far, 0 / 0, 1e-42,
                   -1e-42, 1e38, 0.99999994, -1.0000001 }
    local to = { 0, -0.0, 1, -1, 2, 3, -3, 0.5, -0.5, 1.5, 0.1, far, -far,
                 0 / 0, 1e30, 16777216, 16777215, -1e-40, 100.25, 7 }
    local a, b = moon.tensor(from):unsqueeze(2), moon.tensor(to)
    local of_ref = { a:to("f32", "ref"), b:to("f32", "ref") }
    local function both(fn)
      return op.flat(fn(a, b)), op.flat(fn(unpack(of_ref)))
    end
    local function compare(name, got, wanted)
      for i, v in ipairs(wanted) do
        local same = v ~= v and got[i] ~= got[i]
          or v == got[i] and 1 / v == 1 / got[i]
          or math.abs(v - got[i]) <= 2 ^ -23 * math.abs(v)
        assert.is_true(same, ("%s %d: %g for %g"):format(name, i, got[i], v))
      end
    end
    compare("pair", both(function(x, y) return x ^ y end))
    for _, y in ipairs(to) do
      compare("to the " .. y, both(function(x) return x ^ y end))
    end
  end))

  it("gives powers to 2^-23 of themselves, in f32", task(function()
    moon.manual_seed(2)
    local a = ((moon.rand(20000) * 160 - 80):exp())
    local b = moon.rand(20000) * 4 - 2
    local exact = op.flat(a:to("f64", "ref") ^ b:to("f64", "ref"))
    for i, v in ipairs(op.flat(a ^ b)) do
      if exact[i] > 2 ^ -126 and exact[i] < 2 ^ 127 then
        assert.is_true(math.abs(v - exact[i]) <= 2 ^ -23 * exact[i])
      end
    end
  end))

  op.everywhere("compares, to bool", function(device)
    local a = moon.tensor({ 1, 2, 3 }, { dtype = "u8", device = device })
    local b = moon.tensor({ 2 }, { dtype = "u8", device = device })
    assert.same({ true, false, false }, a:lt(b):totable())
    assert.same({ false, true, false }, a:eq(b):totable())
    assert.same({ false, true, true }, b:le(a):totable())
    assert.equal("bool", a:gt(b):dtype())
  end)

  op.everywhere("computes with integers", function(device)
    local a = moon.tensor({ 7, -2 }, { dtype = "i64", device = device })
    assert.same({ 14, -4 }, (a + a):totable())
    assert.same({ 49, 4 }, (a * a):totable())
    assert.same({ 0, 0 }, (a - a):totable())
  end)

  it("keeps the strides of the first tensor that has the shape",
     task(function()
    local row, matrix = moon.zeros(3), moon.zeros(3, 2):t()
    assert.same({ 6 }, (row + matrix):t():view(6):shape())
  end))

  op.refuses("two dtypes", "add: f32 and i64; cast one", function()
    return moon.zeros(2) + moon.zeros(2, { dtype = "i64" })
  end)
  op.refuses("shapes that do not broadcast",
             "mul: shapes 2x3 and 2 do not broadcast (3 and 2)", function()
    return moon.zeros(2, 3) * moon.zeros(2)
  end)
  op.refuses("division of integers", "div: i64; cast both to f32 or f64",
             function()
    local a = moon.ones(2, { dtype = "i64" })
    return a / a
  end)
  op.refuses("two devices", "add: tensors on cpu and ref", function()
    return moon.zeros(2, { device = "cpu" }) +
           moon.zeros(2, { device = "ref" })
  end)
end)
