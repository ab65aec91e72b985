-- Tensors as text.
local task = require "support.task"
local moon = require "moonseed"

describe("printing", function()
  it("shows values in columns, shape, dtype and device", task(function()
    local t = moon.tensor{ { 1, -2.5 }, { 30, 4 } }:to "f64"
    assert.equal("{ {  1.0000, -2.5000 },\n  { 30.0000,  4.0000 } }"
                 .. "  2x2 f64 " .. moon.device(), tostring(t))
  end))

  it("shows whole numbers, booleans, scalars and nothing", task(function()
    local at = " " .. moon.device()
    assert.equal("{ 1, 2 }  2 f32" .. at, tostring(moon.tensor{ 1, 2 }))
    assert.equal("{ true }  1 bool" .. at, tostring(moon.tensor{ true }))
    assert.equal("7  scalar i64" .. at,
                 tostring(moon.tensor(7, { dtype = "i64" })))
    assert.equal("{}  0 f32" .. at, tostring(moon.zeros(0)))
    assert.equal("{ nan, inf,   1 }  3 f32" .. at,
                 tostring(moon.tensor{ 0 / 0, math.huge, 1 }))
  end))

  it("abbreviates large tensors", task(function()
    local text = tostring(moon.zeros(100, 100))
    assert.matches("{ 0, 0, 0, %.%.%., 0, 0, 0 }", text)
    assert.is_true(#text < 400)
  end))

  it("abbreviates many rows of nothing", task(function()
    assert.equal("{ {},\n  {},\n  {},\n  ...,\n  {},\n  {},\n  {} }"
                 .. "  2000x0 f32 " .. moon.device(),
                 tostring(moon.zeros(2000, 0)))
  end))

  it("shows every digit of i64", task(function()
    local half = moon.full({ 1 }, 2 ^ 62, { dtype = "i64" })
    local most = half:sub(1):add(half)
    local at = "  1 i64 " .. moon.device()
    assert.equal("{ 9223372036854775807 }" .. at, tostring(most))
    assert.equal("{ -9223372036854775808 }" .. at, tostring(most:add(1)))
  end))
end)
