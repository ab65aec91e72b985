local moon = require "moonseed"
local op = require "support.op"
local task = require "support.task"

describe("cast", function()
  op.agrees{ "between floating dtypes", inputs = { { 2, 3 } },
             fn = function(x)
    local other = x:dtype() == "f32" and "f64" or "f32"
    return x:to(other):to(x:dtype()) * 2
  end }

  op.everywhere("goes toward zero", function(device)
    local x = moon.tensor({ 1.75, -1.75, 0.5 }, { device = device })
    assert.same({ 1, -1, 0 }, x:to("i64"):totable())
    assert.same({ true, true, true }, x:to("bool"):totable())
    local i = moon.tensor({ 258, 0 }, { dtype = "i32", device = device })
    assert.same({ 2, 0 }, i:to("u8"):totable())
    assert.same({ 258, 0 }, i:to("f64"):totable())
    assert.same({ 1, 0 }, i:to("bool"):to("i64"):totable())
  end)

  it("to the dtype it has gives the tensor", task(function()
    local x = moon.zeros(2)
    assert.equal(x:id(), x:to("f32"):id())
    assert.same({ 0, 3 }, moon.zeros(0, 3):to("i32"):shape())
  end))

  it("to integers is no part of the graph", task(function()
    local x = moon.ones(2):requires_grad()
    assert.is_false(x:to("i64").needs_grad)
  end))

  it("takes a device as well, in either order", task(function()
    local x = moon.ones(2)
    assert.equal("f64", x:to("cpu", "f64"):dtype())
    local y = x:to("f64", "ref")
    assert.same({ "f64", "ref" }, { y:dtype(), y:device() })
  end))

  for name, list in pairs{ ["two dtypes"] = { "f64", "i64" },
                           ["two devices"] = { "cpu", "ref" },
                           ["three targets"] = { "cpu", "f64", "i64" } } do
    op.refuses(name, "to: takes one dtype, one device, or one of each",
               function() moon.ones(2):to(unpack(list)) end)
  end

  op.refuses("what is no dtype", "to: 'f31' is no dtype",
             function() moon.zeros(2):to "f31" end)
end)
