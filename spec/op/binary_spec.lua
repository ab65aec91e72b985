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
