-- Tensors from values, numbers and randomness.
local task = require "support.task"
local moon = require "moonseed"

local function fails(pattern, fn, ...)
  local ok, why = pcall(fn, ...)
  assert.is_false(ok, "no error")
  assert.matches(pattern, why)
end

describe("creating", function()
  it("takes nested tables, in f32", task(function()
    local t = moon.tensor{ { 1, 2, 3 }, { 4, 5, 6 } }
    assert.same({ 2, 3 }, t:shape())
    assert.equal("f32", t:dtype())
    assert.same({ { 1, 2, 3 }, { 4, 5, 6 } }, t:totable())
  end))

  it("takes a number as a scalar and booleans as bool", task(function()
    assert.same({}, moon.tensor(2.5):shape())
    assert.equal(2.5, moon.tensor(2.5):item())
    local t = moon.tensor{ true, false }
    assert.equal("bool", t:dtype())
    assert.same({ true, false }, t:totable())
  end))

  it("takes a dtype as the last argument's option", task(function()
    for _, dtype in ipairs{ "f32", "f64", "i64", "i32", "u8" } do
      assert.equal(dtype, moon.tensor({ 0, 2 }, { dtype = dtype }):dtype())
      assert.equal(dtype, moon.zeros(2, 3, { dtype = dtype }):dtype())
    end
  end))

  it("takes shapes as numbers or as one list", task(function()
    assert.same({ 2, 3 }, moon.zeros(2, 3):shape())
    assert.same({ 2, 3 }, moon.zeros({ 2, 3 }, { dtype = "f64" }):shape())
    assert.same({}, moon.zeros():shape())
    assert.same({ 0 }, moon.tensor{}:shape())
  end))

  it("has zeros, ones, full, arange", task(function()
    assert.same({ 0, 0 }, moon.zeros(2):totable())
    assert.same({ 1, 1 }, moon.ones(2):totable())
    assert.same({ { 7, 7 } }, moon.full({ 1, 2 }, 7):totable())
    assert.same({ 0, 1, 2 }, moon.arange(3):totable())
    assert.same({ 1, 1.5 }, moon.arange(1, 2, 0.5):totable())
    assert.equal("i64", moon.arange(3, { dtype = "i64" }):dtype())
  end))

  it("repeats random numbers after the same manual_seed", task(function()
    local function draw()
      moon.manual_seed(7)
      return { moon.rand(3):totable(), moon.randn(3):totable(),
               moon.randint(0, 9, 3):totable(), moon.randperm(5):totable() }
    end
    assert.same(draw(), draw())
  end))

  it("refuses ragged tables", function()
    fails("tensor: ragged: a table of 1", moon.tensor, { { 1, 2 }, { 3 } })
    fails("tensor: ragged: a value", moon.tensor, { { 1, 2 }, 3 })
    fails("tensor: ragged: a table", moon.tensor, { 1, { 2 } })
  end)

  it("refuses tables of values with a gap", function()
    fails("tensor: a table of 2 values has a gap", moon.tensor, { 1, nil, 3 })
    fails("tensor: a table of 1 values has a gap", moon.tensor,
          { { 1, 2 }, { nil, 3 } })
  end)

  it("refuses options among the values", function()
    fails("tensor: 'dtype' among the values; options come after them",
          moon.tensor, { 1, 2, dtype = "f64" })
    fails("tensor: 'dtype' among the values", moon.tensor, { dtype = "f64" })
  end)

  it("refuses values that the dtype has not", function()
    fails("tensor: 2.5 is no i64", moon.tensor, { 2.5 }, { dtype = "i64" })
    fails("tensor: 256 is no u8", moon.tensor, { 256 }, { dtype = "u8" })
    fails("tensor: a value is a string", moon.tensor, { "1" })
  end)

  it("refuses extents, dtypes and options that there are not", function()
    fails("zeros: extent 2 .* not %-1", moon.zeros, 2, -1)
    fails("zeros: no dtype 'f17'", moon.zeros, 2, { dtype = "f17" })
    fails("zeros: no option 'dtyp' %(known: device, dtype%)", moon.zeros, 2,
          { dtyp = "f32" })
  end)

  it("refuses a shape with a gap", function()
    fails("zeros: extent 1 is a number, not nothing", moon.zeros, nil, 3)
    fails("zeros: extent 2 is a number, not nothing", moon.zeros, 2, nil, 3)
    fails("zeros: extent 1 is a number, not nothing", moon.zeros, nil)
    fails("zeros: extent 2 is a number, not nothing", moon.zeros,
          { 2, nil, 3 })
    fails("full: extent 1 is a number, not nothing", moon.full, { nil, 3 }, 0)
    fails("randn: extent 1 is a number, not nothing", moon.randn, nil, 2)
    fails("empty: extent 2 is a number, not nothing", moon.empty, 2, nil)
    fails("reshape: extent 1 is a whole number, not nothing", function()
      moon.ones(1):reshape(nil, 1)
    end)
  end)

  it("refuses options among the extents", function()
    fails("zeros: 'dtype' among the extents; options come after them",
          moon.zeros, { 2, dtype = "f64" })
  end)
end)
