-- t:map: a tensor's memory by pointer.
local ffi = require "ffi"
local moon = require "moonseed"
local task = require "support.task"

local function fails(text, fn, ...)
  local ok, why = pcall(fn, ...)
  assert.is_false(ok, "no error")
  assert.matches(text, tostring(why), 1, true)
end

local function nothing() end

-- Work that takes the device a while.
local function slow(t)
  local a = moon.randn(300, 300)
  for _ = 1, 20 do a = a:matmul(a) * 1e-3 end
  return t + a:sum() * 0
end

describe("t:map", function()
  it("gives a pointer of the dtype, and how many elements there are",
     task(function()
    local types = { f32 = "const float *", f64 = "const double *",
                    i64 = "const int64_t *", i32 = "const int32_t *",
                    u8 = "const uint8_t *", bool = "const uint8_t *" }
    for dtype, kind in pairs(types) do
      local t = moon.tensor({ { 0, 1, 1 }, { 1, 0, 1 } }, { dtype = dtype })
      local a, b = t:map(function(pointer, n)
        assert.is_true(ffi.istype(kind, pointer), dtype)
        assert.equal(6, n)
        assert.equal(1, tonumber(pointer[3]))
        assert.equal(0, tonumber(pointer[4]))
        return n, "more"
      end)
      assert.same({ 6, "more" }, { a, b })
    end
  end))

  it("waits for the values, while other tasks go on", task(function()
    local t, other = slow(moon.ones(3)), false
    moon.spawn(function() other = true end)
    assert.equal(1, t:map(function(pointer) return pointer[2] end))
    assert.is_true(other)
  end))

  it("writes where asked to, and raises the version", task(function()
    local C = require("moonseed.ffi").C
    local t = moon.zeros(2, 2)
    local version = C.moon_tensor_version(t.p)
    t:map(nothing)
    assert.equal(version, C.moon_tensor_version(t.p))
    t:map(function(pointer, n)
      for i = 0, n - 1 do pointer[i] = i end
    end, { write = true })
    assert.equal(version + 1, C.moon_tensor_version(t.p))
    assert.same({ { 0, 1 }, { 2, 3 } }, (t * 1):totable())
    fails("constant", t.map, t, function(pointer) pointer[0] = 1 end)
    assert.same({ { 0, 1 }, { 2, 3 } }, t:totable())
  end))

  it("waits until nobody else uses what is to be written", task(function()
    local t = moon.ones(3)
    local sums = {}
    for i, stream in ipairs{ moon.stream(), moon.streams():next() } do
      moon.on(stream, function() sums[i] = (slow(t) + t):sum() end)
    end
    t:map(function(pointer) pointer[0] = 100 end, { write = true })
    assert.same({ 6, 6 }, { sums[1]:item(), sums[2]:item() })
    assert.equal(102, t:sum():item())
  end))

  it("is an error of a backward that needs what was there", task(function()
    local x = moon.tensor{ 2, 3 }:requires_grad()
    local y = (x * x):sum()
    moon.no_grad(function()
      x:map(function(pointer) pointer[0] = 5 end, { write = true })
    end)
    fails("was changed in place", y.backward, y)
    assert.is_nil(x.grad)
  end))

  it("reaches packed copies of a weight", task(function()
    local x, w = moon.ones(1, 8, 6, 6), moon.ones(16, 8, 3, 3)
    for _ = 1, 3 do moon.conv2d(x, w):await() end
    w:map(function(pointer, n)
      for i = 0, n - 1 do pointer[i] = 2 end
    end, { write = true })
    assert.equal(144, moon.conv2d(x, w)[1][1][1][1]:item())
  end))

  it("refuses ops that would touch what is written, or write what is read",
     task(function()
    local t, other = moon.ones(2), moon.ones(2)
    t:map(function()
      fails("mul: tensor", function() return t * 2 end)
      fails("is mapped", function() return t:narrow(1, 1, 1) + 1 end)
      fails("is mapped", t.fill_, t, 3)
      fails("is mapped", t.dispose, t)
      fails("map: the tensor 2 is mapped already", t.map, t, nothing)
      other:add_(1)
    end, { write = true })
    t:map(function(pointer)
      assert.equal(3, (t + 1):sum():item() - 1)
      fails("is mapped", t.fill_, t, 3)
      t:map(function(again) assert.equal(pointer[0], again[0]) end)
      fails("mapped already", t.map, t, nothing, { write = true })
    end)
    t:fill_(7)
    assert.same({ 7, 7 }, t:totable())
    assert.same({ 2, 2 }, other:totable())
  end))

  it("ends with an error of the function, and lets the tensor go",
     task(function()
    local t = moon.ones(1)
    fails("not today", t.map, t, function() error "not today" end,
          { write = true })
    t:fill_(2)
    assert.equal(2, t:item())
  end))

  it("takes views that lie row by row, and nothing, and scalars",
     task(function()
    local t = moon.arange(6):reshape(3, 2)
    assert.equal(2, t[2]:map(function(pointer) return pointer[0] end))
    t:narrow(1, 2, 1):map(function(pointer, n)
      assert.equal(2, n)
      pointer[1] = 9
    end, { write = true })
    assert.same({ { 0, 1 }, { 2, 9 }, { 4, 5 } }, t:totable())
    moon.zeros(0):map(function(_, n) assert.equal(0, n) end)
    moon.full({}, 4):map(function(pointer) assert.equal(4, pointer[0]) end)
  end))

  it("refuses what does not lie row by row, and what is in a graph",
     task(function()
    local t = moon.randn(2, 3)
    fails("map: the tensor 3x2 does not lie row by row in memory; map "
          .. "t:contiguous()", t.map, t:t(), nothing)
    local w = moon.ones(2):requires_grad()
    local write = { write = true }
    fails("map: the tensor 2 needs its gradient", w.map, w, nothing, write)
    local y = w * 2
    fails("map: the tensor 2 needs its gradient", y.map, y, nothing, write)
    y:map(nothing)
    y:detach():map(nothing, write)
    fails("map: its argument is a function, not nothing", t.map, t)
    fails("map: no option 'writes' (known: write)", t.map, t, nothing,
          { writes = true })
    fails("map: write is true or false", t.map, t, nothing, { write = 1 })
    t:dispose()
    fails("was disposed", t.map, t, nothing)
  end))

  it("raises the error that the tensor carries", task(function()
    local t = moon.ones(2):index_select(1, moon.tensor({ 7 },
                                                       { dtype = "i64" }))
    fails("index_select: index 7", t.map, t, nothing)
  end))
end)
