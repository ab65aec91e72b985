-- NumPy's files: what NumPy wrote (spec/fuzz/numpy_corpus.py) is read, and what
-- is written has NumPy's bytes.
local moon = require "moonseed"
local files = require "support.files"
local task = require "support.task"

local CORPUS = "spec/fuzz/corpus/"

local function npy(name)
  return moon.load(CORPUS .. "npy/good-" .. name, { format = "npy" })
end

local function npz(name)
  return moon.load(CORPUS .. "npz/good-" .. name, { format = "npz" })
end

-- What numpy_corpus.py counts.
local function count(scale, offset)
  local list = {}
  for i = -3, 2 do list[#list + 1] = i * scale + offset end
  return list
end

describe("moon.load of npy", function()
  it("maps every dtype that has an equal", task(function()
    local function check(name, dtype, values)
      local t = npy(name)
      assert.equal(dtype, t:dtype(), name)
      assert.same(values, t:totable(), name)
    end
    local halves = count(1 / 2, 0)
    check("f4", "f32", halves)
    check("f8", "f64", halves)
    check("f2", "f16", halves)
    local toward_zero = { -1, -1, 0, 0, 0, 1 }
    check("i8", "i64", toward_zero)
    check("i4", "i32", toward_zero)
    check("i2", "i32", toward_zero)
    check("i1", "i32", toward_zero)
    check("u1", "u8", count(1, 200))
    check("u2", "i32", count(1, 200))
    check("u4", "i64", count(1, 200))
    check("bool", "bool", { false, false, false, false, true, true })
  end))

  it("turns big-endian numbers round", task(function()
    for kind, dtype in pairs{ f4 = "f32", f8 = "f64", i2 = "i32", i4 = "i32",
                              i8 = "i64", u2 = "i32", u4 = "i64" } do
      local t = npy("big-" .. kind)
      assert.equal(dtype, t:dtype(), kind)
      assert.same(count(1, 3), t:totable(), kind)
    end
  end))

  it("reads every kind of half", task(function()
    local list = npy("half"):totable()
    assert.same({ 0, 0, 1, -2, 65504, 2 ^ -24, 1023 * 2 ^ -24, 1 / 0, -1 / 0 },
                { unpack(list, 1, 9) })
    assert.equal(-1 / 0, 1 / list[2])
    assert.is_true(list[10] ~= list[10])
  end))

  it("keeps shapes: a scalar, nothing, versions 1 to 3", task(function()
    assert.same({}, npy("scalar"):shape())
    assert.equal(2.5, npy("scalar"):item())
    assert.same({ 0, 3 }, npy("empty"):shape())
    local rows = moon.arange(24):reshape(2, 3, 4):totable()
    assert.same(rows, npy("rows"):totable())
    assert.same(rows, npy("version-2"):totable())
    assert.same(rows, npy("version-3"):totable())
    assert.same({ 97, 98, 99 }, npy("python-2"):totable())
  end))

  it("reads Fortran's order as a view", task(function()
    local t = npy "fortran"
    assert.same({ 2, 3, 4 }, t:shape())
    assert.same(moon.arange(24):reshape(2, 3, 4):totable(), t:totable())
    assert.is_true((t * 2):sum():item() == 24 * 23)
  end))

  it("reads through a name, too", task(function()
    local folder, remove = files.folder()
    local path = folder .. "/t.npy"
    moon.save(path, moon.arange(3))
    assert.same({ 0, 1, 2 }, moon.load(path):totable())
    remove()
  end))

  it("refuses another format", task(function()
    assert.error_matches(function()
      moon.load(CORPUS .. "safetensors/good-all", { format = "npy" })
    end, "good%-all: is safetensors, not npy")
    assert.error_matches(function() moon.load "x.txt" end,
      "load: no format 'txt' %(known: idx, jpeg, npy, npz, png, safetensors%) "
      .. "for x.txt")
    assert.error_matches(function() moon.load "/nowhere/x.npy" end,
                         "/nowhere/x.npy: No such file")
  end))

  it("says which dtype has no equal", task(function()
    assert.error_matches(function()
      moon.load(CORPUS .. "npy/bad-complex", { format = "npy" })
    end, "npy: dtype '<c8' has no equal here; f2 f4")
  end))
end)

describe("moon.load of npz", function()
  it("gives arrays by name, stored or packed", task(function()
    for _, name in ipairs{ "saved", "packed" } do
      local t = npz(name)
      assert.same({ { 0, 1, 2 }, { 3, 4, 5 } }, t.a:totable())
      assert.same({ true, false }, t.b:totable())
    end
    assert.same({}, npz "nothing")
    assert.same({ { 0, 1, 2 }, { 3, 4, 5 } }, npz("columns").f:totable())
  end))

  it("takes names in any letters", task(function()
    local t = npz "names"
    assert.same({ true, false }, t["\195\169"]:totable())
    assert.same({ 2, 3 }, t["layer/1"]:shape())
  end))

  it("follows zip64's records", task(function()
    assert.same({ 2, 3 }, npz("zip64").a:shape())
  end))

  it("checks sums when the numbers come", task(function()
    local t = moon.load(CORPUS .. "npz/bad-crc", { format = "npz" })
    assert.error_matches(function() t.a:await() end, "checksum .* stated is")
  end))
end)

describe("moon.save", function()
  local folder, remove

  setup(function() folder, remove = files.folder() end)
  teardown(function() remove() end)

  local function bytes_of(name, t)
    local path = folder .. "/" .. name
    assert.equal(moon.save(path, t), #files.read(path))
    return files.read(path)
  end

  it("writes NumPy's npy, byte for byte", task(function()
    local halves = moon.tensor(count(1 / 2, 0))
    local function check(golden, t)
      assert.equal(files.read(CORPUS .. "npy/good-" .. golden),
                   bytes_of("t.npy", t), golden)
    end
    check("f4", halves)
    check("f8", halves:to "f64")
    check("i8", halves:to "i64")
    check("i4", halves:to "i32")
    check("u1", moon.tensor(count(1, 200), { dtype = "u8" }))
    check("bool", halves:gt(0))
    check("scalar", moon.tensor(2.5))
    check("empty", moon.zeros(0, 3))
    check("rows", moon.arange(24):reshape(2, 3, 4))
  end))

  it("writes views in logical order", task(function()
    local t = moon.arange(6):reshape(2, 3):t()
    bytes_of("t.npy", t)
    assert.same({ { 0, 3 }, { 1, 4 }, { 2, 5 } },
                moon.load(folder .. "/t.npy"):totable())
  end))

  it("writes npz that comes back, and the same twice", task(function()
    local all = { w = moon.randn(3, 5), ["a/b"] = moon.arange(4),
                  none = moon.zeros(0, 2), s = moon.tensor(1),
                  on = moon.tensor({ 1, 0 }, { dtype = "bool" }) }
    local bytes = bytes_of("t.npz", all)
    local back = moon.load(folder .. "/t.npz")
    for name, t in pairs(all) do
      assert.equal(t:dtype(), back[name]:dtype(), name)
      assert.same(t:totable(), back[name]:totable(), name)
      back[name] = nil
    end
    assert.is_nil(next(back))
    assert.equal(bytes, bytes_of("t.npz", all))
    bytes_of("t.npz", {})
    assert.same({}, moon.load(folder .. "/t.npz"))
  end))

  it("refuses what the format cannot hold", task(function()
    assert.error_matches(function()
      moon.save(folder .. "/t.npy", { w = moon.zeros(1) })
    end, "save: its second argument is a tensor, not table")
    assert.error_matches(function()
      moon.save(folder .. "/t.npz", moon.zeros(1))
    end, "save: its second argument is a table")
    assert.error_matches(function()
      moon.save(folder .. "/t.idx", moon.zeros(1))
    end, "save: no format 'idx' %(known: npy, npz, safetensors%)")
    assert.error_matches(function()
      moon.save(folder .. "/t.npz", { [("x"):rep(65532)] = moon.zeros(1) })
    end, "npz: a name of 65532 bytes")
    assert.same({ "t.npy", "t.npz" }, files.names(folder))
  end))

  it("passes 4 GiB", task(function()
    if not os.getenv "MOONSEED_SOAK" then return end
    local path = folder .. "/t.npz"
    local far = moon.tensor({ 7 }, { dtype = "u8" }):expand(2 ^ 32 + 5)
    moon.save(path, { a = far, b = moon.arange(3) })
    local back = moon.load(path)
    assert.same({ 0, 1, 2 }, back.b:totable())
    assert.same({ 2 ^ 32 + 5 }, back.a:shape())
    assert.equal(7, back.a:max():item())
    os.remove(path)
  end))
end)
