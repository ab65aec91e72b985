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

  it("reads no more than it shows", task(function()
    local t = moon.zeros(1000, 1000)
    t[1][1], t[1000][1000], t[500][500] = 1, 2, 1e-3  -- whole where it shows
    local before = moon.stats().allocated_bytes
    local text = tostring(t:t())
    assert.is_true(moon.stats().allocated_bytes - before < 1e6)
    local row = "{ 0, 0, 0, ..., 0, 0, 0 }"
    assert.equal("{ { 1, 0, 0, ..., 0, 0, 0 },\n  " .. row .. ",\n  " .. row
                 .. ",\n  ...,\n  " .. row .. ",\n  " .. row
                 .. ",\n  { 0, 0, 0, ..., 0, 0, 2 } }  1000x1000 f32 "
                 .. moon.device(), text)
  end))

  it("does as set_printoptions says, until told otherwise", task(function()
    local x, at = moon.arange(0, 12) / 4, "  12 f32 " .. moon.device()
    local before = moon.set_printoptions{ precision = 2, threshold = 5,
                                          edge = 1, width = 30 }
    local text = tostring(x)
    local one = tostring(moon.tensor(1 / 3))
    local middle = moon.set_printoptions{ threshold = math.huge }
    local long = tostring(x)
    moon.set_printoptions(before)
    assert.equal("{ 0.00, ..., 2.75 }" .. at, text)
    assert.equal("0.33  scalar f32 " .. moon.device(), one)
    assert.equal("{ 0.00, 0.25, 0.50, 0.75,\n  1.00, 1.25, 1.50, 1.75,\n"
                 .. "  2.00, 2.25, 2.50, 2.75 }" .. at, long)
    assert.equal(5, middle.threshold)
    assert.same({ precision = 4, threshold = 1000, edge = 3, width = 0 },
                moon.set_printoptions(before))
    assert.matches("^{ 0%.0000, 0%.2500, ", tostring(x))
  end))

  it("refuses options that do not fit, and sets none then", task(function()
    local function refuses(text, o)
      assert.error_matches(function() moon.set_printoptions(o) end, text, 1,
                           true)
    end
    refuses("no option 'digits' (known: edge, precision, threshold, width)",
            { digits = 2 })
    refuses("edge is a whole number of at least 1, not 0",
            { edge = 0, precision = 1 })
    refuses("precision is at most 17, not 18", { precision = 18, edge = 2 })
    refuses("width is a whole number of at least 20", { width = 2 })
    refuses("threshold is a number, not string", { threshold = "all" })
    assert.equal(3, moon.set_printoptions{}.edge)
    assert.equal(4, moon.set_printoptions().precision)
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
