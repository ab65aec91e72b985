local moon = require "moonseed"
local file = require "moonseed.file"
local files = require "support.files"
local task = require "support.task"
local ticks = require "support.ticks"

local FASHION = "/usr/share/datasets/fashion-mnist/"

-- The only tensor of a file.
local function read(path)
  local tensors, names = file.read(path)
  assert.same({ "" }, names)
  return tensors[""]
end

describe("idx", function()
  it("maps every type to a dtype", task(function()
    local corpus = "spec/fuzz/corpus/idx/good-"
    local function check(name, dtype, values)
      local t = read(corpus .. name)
      assert.equal(dtype, t:dtype(), name)
      assert.same(values, t:totable(), name)
    end
    check("i8", "i32", { 127, -128, -1 })
    check("i16", "i32", { 258, -2 })
    check("i32", "i32", { 256, -1 })
    check("f32", "f32", { { 1 } })
    check("f64", "f64", { 1 })
    check("empty", "u8", {})
    assert.same({ 0, 28 }, read(corpus .. "empty"):shape())
  end))

  it("reads the same from gzip, also in members", task(function()
    local corpus = "spec/fuzz/corpus/idx/good-"
    local plain = read(corpus .. "u8")
    assert.same({ 2, 3, 4 }, plain:shape())
    assert.equal("u8", plain:dtype())
    assert.same(plain:totable(), read(corpus .. "u8.gz"):totable())
    assert.same(plain:totable(), read(corpus .. "members.gz"):totable())
  end))

  it("reads numbers that span chunks", task(function()
    local folder, remove = files.folder()
    local n = 300001
    local words = {}
    for i = 1, n do
      words[i] = string.char(0, math.floor(i / 65536),
        math.floor(i / 256) % 256, i % 256)
    end
    local path = files.write(folder .. "/n.idx", "\0\0\12\1\0"
      .. string.char(math.floor(n / 65536), math.floor(n / 256) % 256, n % 256)
      .. table.concat(words))
    local ok = read(path):eq(moon.arange(1, n + 1, { dtype = "i32" }))
    assert.equal(n, ok:to("i64"):sum():item())
    remove()
  end))

  it("reads Fashion-MNIST while a 1 ms timer ticks on", task(function()
    local images
    local blocked = moon.stats().blocked_waits
    ticks.assert_kept(function()
      images = read(FASHION .. "train-images-idx3-ubyte.gz"):await()
    end)
    assert.same({ 60000, 28, 28 }, images:shape())
    assert.equal(blocked, moon.stats().blocked_waits)
    local labels = read(FASHION .. "train-labels-idx1-ubyte.gz")
    -- Every class has 6,000 images: the labels sum to 6,000 x (0 + ... + 9).
    assert.equal(270000, labels:to("i64"):sum():item())
  end))
end)
