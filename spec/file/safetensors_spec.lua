local moon = require "moonseed"
local files = require "support.files"
local task = require "support.task"

describe("safetensors", function()
  local folder, remove, path

  before_each(function()
    folder, remove = files.folder()
    path = folder .. "/w.safetensors"
  end)
  after_each(function() remove() end)

  it("gives every dtype and shape back", task(function()
    local saved = {
      f32 = moon.tensor{ { 1.5, -2 }, { 0, 3e38 } },
      f64 = moon.tensor({ 0.1 }, { dtype = "f64" }),
      i64 = moon.tensor({ -1, 2 ^ 40 }, { dtype = "i64" }),
      i32 = moon.tensor({ { { 7 } } }, { dtype = "i32" }),
      u8 = moon.tensor({ 0, 255, 3 }, { dtype = "u8" }),
      bool = moon.tensor{ 1, -1 }:gt(0),
      scalar = moon.tensor{ 1, 2 }:sum(),
      empty = moon.zeros(0, 3),
    }
    moon.save(path, saved)
    local loaded = moon.load(path)
    for name, t in pairs(saved) do
      local back = loaded[name]
      assert.equal(t:dtype(), back:dtype(), name)
      assert.same(t:shape(), back:shape(), name)
      assert.same(t:totable(), back:totable(), name)
      loaded[name] = nil
    end
    assert.is_nil(next(loaded))
  end))

  it("keeps the bits of f32, NaN and infinity included", task(function()
    local x = moon.tensor{ 0 / 0, 1 / 0, -1 / 0, -0.0, 1e-45 }
    moon.save(path, { x = x })
    local first = files.read(path)
    moon.save(path, moon.load(path))
    assert.equal(first, files.read(path))
  end))

  it("writes views in logical order", task(function()
    local x = moon.arange(24):reshape(2, 3, 4)
    local turned = x:permute(3, 1, 2)
    local middle = x:narrow(2, 2, 1)
    moon.save(path, { turned = turned, middle = middle })
    local loaded = moon.load(path)
    assert.same(turned:totable(), loaded.turned:totable())
    assert.same(middle:totable(), loaded.middle:totable())
  end))

  it("writes channels-last memory in logical order", task(function()
    local y = moon.conv2d(moon.randn(2, 3, 5, 4), moon.randn(6, 3, 1, 1))
    moon.save(path, { y = y })
    assert.same(y:totable(), moon.load(path).y:totable())
  end))

  it("takes names with quotes, backslashes, controls and UTF-8", task(
    function()
      local name = 'a "b" \\c\n\1 \195\169 \240\159\140\153'
      moon.save(path, { [name] = moon.ones(2) })
      assert.same({ 1, 1 }, moon.load(path)[name]:totable())
    end))

  it("refuses names that are no UTF-8 or the format's own", task(function()
    assert.error_matches(function()
      moon.save(path, { ["\255"] = moon.ones(1) })
    end, "save: byte 1 of the name '\255' is not UTF%-8")
    assert.error_matches(function()
      moon.save(path, { __metadata__ = moon.ones(1) })
    end, "save: the name '__metadata__' is the format's own")
    assert.same({}, files.names(folder))
  end))

  it("aligns wide elements after narrow ones", task(function()
    moon.save(path, { a = moon.ones(3, { dtype = "u8" }),
                      b = moon.ones(1, { dtype = "f64" }),
                      c = moon.ones(1) })
    local text = files.read(path)
    assert.equal(0, (text:find("\0\0\0\0\0\0\240\63", 9, true) - 1) % 8)
    local begins = tonumber(text:match '"c".-offsets":%[(%d+)')
    assert.equal(0, begins % 4)
  end))

  it("saves no tensors", task(function()
    moon.save(path, {})
    assert.same({}, moon.load(path))
  end))

  it("sees the values of the call, not those written later", task(function()
    local x = moon.zeros(100000)
    local saving = moon.spawn(function() moon.save(path, { x = x }) end)
    moon.yield()
    x:fill_(7)
    saving:await()
    assert.equal(0, moon.load(path).x:max():item())
    assert.equal(7, x:min():item())
  end))

  it("carries an input's error instead of writing", task(function()
    local bad = moon.ones(2, 3):index_select(1,
      moon.tensor({ 9 }, { dtype = "i64" }))
    assert.error_matches(function() moon.save(path, { bad = bad }) end,
      "index_select: ")
    assert.same({}, files.names(folder))
  end))
end)
