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

  it("shows views as they are", task(function()
    local t = moon.arange(6):reshape(2, 3):t()
    local at = " " .. moon.device()
    assert.equal("{ { 0, 3 },\n  { 1, 4 },\n  { 2, 5 } }  3x2 f32" .. at,
                 tostring(t))
    assert.equal("{ 2, 5 }  2 f32" .. at, tostring(t[3]))
    assert.equal("{ 7, 7 }  2 f32" .. at,
                 tostring(moon.full({ 1 }, 7):expand(2)))
    local image = moon.arange(8):reshape(1, 2, 2, 2)
    local last = image:permute(1, 3, 4, 2):contiguous():permute(1, 4, 2, 3)
    assert.equal(tostring(image), tostring(last))
  end))

  it("of a large tensor takes no memory, whatever its strides",
     task(function()
    local t = moon.zeros(512, 512):t()
    moon.synchronize()
    local before = moon.stats().allocated_bytes
    tostring(t)
    assert.is_true(moon.stats().allocated_bytes - before < 4096)
  end))
end)

describe("moon.set_printoptions", function()
  after_each(function() moon.set_printoptions{} end)

  local function with(options, t)
    moon.set_printoptions(options)
    return (tostring(t):gsub("  [%w]+ f%d%d %w+$", ""))
  end

  it("says how many digits, and whether with exponents", task(function()
    local t = moon.tensor{ 1, 2.5 }
    assert.equal("{ 1.00, 2.50 }", with({ precision = 2 }, t))
    assert.equal("{ 1.0e+00, 2.5e+00 }",
                 with({ precision = 1, sci_mode = true }, t))
    assert.equal("{ 1, 3 }", with({ precision = 0 }, moon.tensor{ 1, 2.75 }))
    assert.equal("{ 10000000.0 }",
                 with({ precision = 1, sci_mode = false }, moon.tensor{ 1e7 }))
  end))

  it("says when to leave out, how much to show, and how wide",
     task(function()
    local t = moon.arange(9)
    assert.equal("{ 0, ..., 8 }", with({ threshold = 8, edgeitems = 1 }, t))
    assert.equal("{ 0, 1, 2,\n  3, 4, 5,\n  6, 7, 8 }",
                 with({ linewidth = 10 }, t))
  end))

  it("gives what was before, and begins with what it is by itself",
     task(function()
    moon.set_printoptions{ precision = 2 }
    local before = moon.set_printoptions{ edgeitems = 5 }
    assert.equal(2, before.precision)
    assert.equal("{ 1.5000 }", with({}, moon.tensor{ 1.5 }))
    moon.set_printoptions(before)
    assert.equal("{ 1.50 }", (tostring(moon.tensor{ 1.5 }):gsub("  .*$", "")))
  end))

  it("refuses what fits no print", task(function()
    local function fails(text, options)
      local ok, e = pcall(moon.set_printoptions, options)
      assert.is_false(ok)
      assert.matches(text, tostring(e), 1, true)
    end
    fails("set_printoptions: no option 'digits' (known: edgeitems, linewidth, "
          .. "precision, sci_mode, threshold)", { digits = 2 })
    fails("precision is at most 17, not 99", { precision = 99 })
    fails("edgeitems is a whole number of at least 1", { edgeitems = 0 })
    fails("sci_mode is true or false", { sci_mode = 1 })
  end))
end)
