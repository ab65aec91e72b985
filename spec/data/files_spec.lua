-- Data sets in files: Fashion-MNIST, idx, CIFAR.
local files = require "support.files"
local task = require "support.task"
local moon = require "moonseed"

-- Calls fn(path) with a file of the given content.
local function with_file(content, fn)
  local path = os.tmpname()
  local file = assert(io.open(path, "wb"))
  file:write(content)
  file:close()
  local ok, e = pcall(fn, path)
  os.remove(path)
  if not ok then error(e, 0) end
end

describe("moon.data.fashion_mnist", function()
  it("has 10,000 test images in ten classes", task(function()
    local test = moon.data.fashion_mnist{ "test" }
    assert.equal(10000, #test)
    local x, y = test:get(1)
    assert.same({ 1, 28, 28 }, x:shape())
    assert.equal("f32", x:dtype())
    assert.equal(9, y:item())
    assert.equal("ankle boot", test.classes[y:item() + 1])
    assert.equal("i64", test.y:dtype())
    assert.equal(9, test.y:max():item())
    local small = test:narrow(1, 100).x
    assert.equal(0, small:min():item())
    assert.equal(1, small:max():item())
  end))

  it("has 60,000 training images, split as asked", task(function()
    local all = moon.data.fashion_mnist{ "train" }
    local train, valid = all:split{ 5000, rng_seed = 1 }
    assert.equal(60000, #all)
    assert.equal(55000, #train)
    assert.equal(5000, #valid)
  end))

  it("says where it looked", task(function()
    assert.error_matches(function()
      moon.data.fashion_mnist{ "test", folder = "/nowhere" }
    end, "t10k%-images%-idx3%-ubyte.gz in /nowhere; install")
    assert.error_matches(function() moon.data.fashion_mnist{ "tset" } end,
                         'the part is "train" or "test", not tset')
  end))

  it("leaves the loop alone while it opens", task(function()
    local before = moon.stats().blocked_waits
    local ticks, done = 0, false
    moon.spawn(function()
      while not done do
        moon.sleep(1)
        ticks = ticks + 1
      end
    end)
    moon.data.fashion_mnist{ "train" }.y:await()
    done = true
    assert.is_true(ticks > 0)
    assert.equal(before, moon.stats().blocked_waits)
  end))
end)

describe("moon.data.idx", function()
  it("reads a tensor", task(function()
    with_file("\0\0\8\2\0\0\0\2\0\0\0\3\1\2\3\4\5\6", function(path)
      local t = moon.data.idx(path)
      assert.equal("u8", t:dtype())
      assert.same({ { 1, 2, 3 }, { 4, 5, 6 } }, t:totable())
    end)
  end))

  it("names the file that is missing", task(function()
    assert.error_matches(function() moon.data.idx("/nowhere/x") end,
                         "/nowhere/x")
  end))

  it("refuses a file cut short", task(function()
    with_file("\0\0\8\2\0\0\0\2\0\0\0\3\1\2", function(path)
      assert.has_error(function() moon.data.idx(path):await() end)
    end)
  end))
end)

describe("moon.data.cifar10", function()
  local folder, remove

  -- A record: a label and planes of 1, 2 and 3; the last byte is 255.
  local function record(...)
    return string.char(...) .. ("\1"):rep(1024) .. ("\2"):rep(1024)
      .. ("\3"):rep(1023) .. "\255"
  end

  setup(function()
    folder, remove = files.folder()
    for i = 1, 5 do
      files.write(("%s/data_batch_%d.bin"):format(folder, i),
                  record(i) .. record(9))
    end
    files.write(folder .. "/test_batch.bin", record(7))
    files.write(folder .. "/test.bin", record(3, 42) .. record(19, 99))
  end)
  teardown(function() remove() end)

  it("reads labels and pictures of all files of a part", task(function()
    local train = moon.data.cifar10{ folder, "train" }
    assert.equal(10, #train)
    assert.same({ 1, 9, 2, 9, 3, 9, 4, 9, 5, 9 }, train.y:totable())
    assert.same({ 3, 32, 32 }, (train:get(1)):shape())
    assert.equal("u8", train.source.x:dtype())
    local x = train.source.x[4]:to "f32"
    assert.same({ 1024, 2048, 1023 * 3 + 255 }, x:sum{ 2, 3 }:totable())
    assert.equal(255, x[3][32][32]:item())
    assert.equal("truck", train.classes[10])
    assert.equal(1, #moon.data.cifar10{ folder, "test" })
  end))

  it("reads CIFAR-100's labels, fine or coarse", task(function()
    local fine = moon.data.cifar100{ folder, "test" }
    assert.same({ 42, 99 }, fine.y:totable())
    assert.equal(255, fine.source.x[2][3][32][32]:item())
    local coarse = moon.data.cifar100{ folder, "test", label = "coarse" }
    assert.same({ 3, 19 }, coarse.y:totable())
  end))

  it("names what is missing or wrong", task(function()
    assert.error_matches(function() moon.data.cifar10{ "/nowhere", "test" } end,
      "no test_batch.bin in /nowhere or /nowhere/cifar%-10%-batches%-bin; get")
    assert.error_matches(function() moon.data.cifar10{ folder, "both" } end,
                         'cifar10: the part is "train" or "test", not both')
    assert.error_matches(function() moon.data.cifar100{ folder, "train" } end,
                         "cifar100: there is no train.bin in")
    files.write(folder .. "/train.bin", record(20, 1))
    assert.error_matches(function()
      moon.data.cifar100{ folder, "train", label = "coarse" }.y:await()
    end, "train.bin: coarse: element 0 is 20, a label is from 0 to 19")
    files.write(folder .. "/train.bin", record(1, 1) .. "x")
    assert.error_matches(function() moon.data.cifar100{ folder, "train" } end,
      "cifar: 3075 bytes are no whole number of records of 3074")
  end))
end)
