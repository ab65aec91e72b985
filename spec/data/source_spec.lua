-- Data sets that are not tensors: made by functions, mapped, joined, cached;
-- and weights.
local task = require "support.task"
local moon = require "moonseed"

local exact = { rtol = 0, atol = 0 }

-- x[i] = { i, -i }, y[i] = i - 1.
local function tensors(n, first)
  local x, y = {}, {}
  for i = 1, n do
    local v = i + (first or 0)
    x[i], y[i] = { v, -v }, v - 1
  end
  return moon.data.tensors{ moon.tensor(x), moon.tensor(y, { dtype = "i64" }) }
end

local function made(n)
  return moon.data.from{ n, function(i) return { i, -i }, i - 1 end }
end

local function images(n, dtype)
  local x = moon.arange(0, n * 2 * 3 * 4):reshape(n, 2, 3, 4)
  return moon.data.tensors{ x:to(dtype or "u8"),
                            moon.arange(0, n, { dtype = "i64" }) }
end

-- The epoch as two tensors.
local function whole(data, options)
  local xs, ys = {}, {}
  for x, y in data:batches(options) do
    xs[#xs + 1], ys[#ys + 1] = x, y
  end
  return moon.cat(xs, 1), #ys > 0 and moon.cat(ys, 1) or nil
end

local function same(a, b) return moon.allclose(a, b, exact) end

describe("a data set made by a function", function()
  it("is the same as one of tensors", task(function()
    local a, b = made(13), tensors(13)
    assert.equal(13, #a)
    assert.equal("dataset of 13 examples", tostring(a))
    assert.is_true(a.labelled)
    assert.is_true(same(a.x, b.x) and same(a.y, b.y))
    assert.is_true(same((a:get(-1)), (b:get(-1))))
    for _, options in ipairs{ { 4 }, { 5, shuffle = true, rng_seed = 2 },
                              { 3, shuffle = true, drop_last = true,
                                rng_seed = 3, skip = 1 } } do
      local ax, ay = whole(a, options)
      local bx, by = whole(b, options)
      assert.is_true(same(ax, bx) and same(ay, by))
    end
    local part = function(data) return data:subset{ 3, 1, 9 }:narrow(2, 2) end
    assert.is_true(same(part(a).x, part(b).x))
    assert.same({ 0, 8 }, part(a).y:totable())
  end))

  it("takes tensors, tables and numbers", task(function()
    local data = moon.data.from{ 3, function(i)
      return moon.full({ 2, 2 }, i), moon.tensor({ i, i })
    end }
    assert.same({ 3, 2, 2 }, data.x:shape())
    assert.same({ { 1, 1 }, { 2, 2 }, { 3, 3 } }, data.y:totable())
    data = moon.data.from{ 2, function(i) return i, i / 2 end, y = "f32" }
    assert.same({ 1, 2 }, data.x:totable())
    assert.same({ 0.5, 1 }, data.y:totable())
    data = moon.data.from{ 2, function(i) return i end, y = "none" }
    assert.is_nil(data.y)
    assert.is_false(data.labelled)
  end))

  it("may wait, and draws what the epoch tells", task(function()
    local data = moon.data.from{ 6, function(i)
      moon.sleep(1)
      return moon.rand(1) + i, i
    end }
    local function draw(seed, epoch)
      return (whole(data, { 4, rng_seed = seed, epoch = epoch })):totable()
    end
    local before = moon.stats().blocked_waits
    local a = draw(1, 1)
    assert.same(a, draw(1, 1))
    assert.are_not.same(a, draw(1, 2))
    assert.equal(before, moon.stats().blocked_waits)
  end))

  it("is varied like any other", task(function()
    local pixels = images(8)
    local data = moon.data.from{ 8, function(i)
      return pixels.source.x[i], i - 1
    end }
    local options = { 3, flip = true, crop = 1, rng_seed = 5,
                      cutout = 2, normalise = { mean = { .5, .1 },
                                                std = { .2, .3 } } }
    assert.is_true(same((whole(data, options)), (whole(pixels, options))))
    assert.error_matches(function() whole(made(3), { 2, flip = true }) end,
                         "batches: flip and crop are for images .* x is 2x2")
  end))

  it("names the example that is wrong", task(function()
    local function fails(text, fn, y)
      local data = moon.data.from{ 3, fn, y = y }
      assert.error_matches(function() whole(data, { 2 }) end, text, 1, true)
    end
    fails("from: example 2 is nil", function(i)
      return i ~= 2 and i or nil, 1
    end)
    fails("from: example 3 has no target", function(i)
      return i, i < 3 and 1 or nil
    end)
    fails('from: example 1 has a target, but y = "none"',
          function() return 1, 1 end, "none")
    fails("my own", function() error("my own") end)
    fails("no i64", function() return 1, 1.5 end)
    assert.error_matches(function() moon.data.from{ 3 } end, "fn is missing")
    assert.error_matches(function()
      moon.data.from{ 3, print, y = "u8" }
    end, 'y is "i64", "f32", "f64" or "none", not u8')
  end))
end)

describe("map", function()
  it("is of batches as they are seen", task(function()
    local data = tensors(7):map(function(x, y) return x * 2 + 1, y + 10 end)
    assert.equal(7, #data)
    assert.same({ { 3, -1 }, { 5, -3 } }, data:narrow(1, 2).x:totable())
    local _, y = whole(data, { 3 })
    assert.same({ 10, 11, 12, 13, 14, 15, 16 }, y:totable())
    local again = data:subset{ 7, 1 }:map(function(x, z) return x + 1, z end)
    assert.same({ { 16, -12 }, { 4, 0 } }, again.x:totable())
  end))

  it("comes before flip and crop", task(function()
    local data = images(6)
    local plain = data:map(function(x, y) return x, y end)
    local options = { 4, flip = true, crop = 1, shuffle = true, rng_seed = 2 }
    assert.is_true(same((whole(data, options)), (whole(plain, options))))
  end))

  it("may change the shape, not the count", task(function()
    local data = images(6):map(function(x, y) return x:reshape(-1, 24), y end)
    assert.same({ 6, 24 }, data.x:shape())
    local function fails(text, fn)
      assert.error_matches(function() return tensors(3):map(fn).x end, text, 1,
                           true)
    end
    fails("map: of 3 examples the function made 2x2",
          function(x, y) return x:narrow(1, 1, 2), y end)
    fails("map: the function gave a nil and a nil", function() end)
  end))
end)

describe("concat", function()
  it("has the examples of all, in any order", task(function()
    local all = tensors(3):concat(made(2), tensors(4, 10))
    assert.equal(9, #all)
    local expected = { 0, 1, 2, 0, 1, 10, 11, 12, 13 }
    assert.same(expected, all.y:totable())
    local x, y = whole(all, { 4, shuffle = true, rng_seed = 1 })
    assert.is_true(same(x:select(2, 1), (y + 1):to "f32"))
    local sorted = y:totable()
    table.sort(sorted)
    table.sort(expected)
    assert.same(expected, sorted)
    assert.same({ 13, 0 }, all:subset{ 9, 4 }.y:totable())
    assert.same({ 1, 10 }, all:narrow(5, 3):subset{ 1, 2 }.y:totable())
  end))

  it("joins parts of one set, and images", task(function()
    local data = images(9)
    local a, b = data:split{ 4, rng_seed = 1 }
    local all = b:concat(a)
    local labels = b.y:totable()
    for _, label in ipairs(a.y:totable()) do labels[#labels + 1] = label end
    assert.same(labels, all.y:totable())
    assert.equal("dataset of 9 examples 2x3x4", tostring(all))
    local x = whole(all, { 5 })
    assert.is_true(same(x, moon.cat({ b.x, a.x }, 1)))
  end))

  it("refuses what does not fit", task(function()
    assert.error_matches(function() images(2):concat(tensors(2)) end,
                         "concat: examples of 2x3x4 and of 2")
    assert.error_matches(function() tensors(2):concat(3) end,
                         "concat: argument 1 is a number, no data set")
  end))
end)

describe("cache", function()
  it("keeps what was made", task(function()
    local calls = 0
    local data = moon.data.from{ 300, function(i)
      calls = calls + 1
      return { i }, i
    end }
    local kept = data:cache()
    assert.equal(300, calls)
    assert.is_true(same(kept.x, data.x) and same(kept.y, data.y))
    calls = 0
    whole(kept, { 64, shuffle = true })
    assert.equal(0, calls)
    assert.same({ 300, 2 }, data:subset{ 300, 2 }:cache().y:totable())
  end))

  it("keeps images as they are kept", task(function()
    local kept = images(5):subset{ 4, 2 }:cache()
    assert.equal("u8", kept.source.x:dtype())
    assert.is_true(same(kept.x, images(5):subset{ 4, 2 }.x))
  end))
end)

describe("weights", function()
  -- How often each label was drawn.
  local function count(data, options)
    local _, y = whole(data, options)
    local n = {}
    for _, label in ipairs(y:totable()) do n[label] = (n[label] or 0) + 1 end
    return n, y:size(1)
  end

  it("say how often examples are drawn", task(function()
    local n, all = count(tensors(4), { 50, weights = { 1, 0, 2, 5 },
                                       samples = 4000, rng_seed = 1 })
    assert.equal(4000, all)
    assert.is_nil(n[1])
    assert.is_true(math.abs(n[0] - 500) < 100)
    assert.is_true(math.abs(n[2] - 1000) < 150)
    assert.is_true(math.abs(n[3] - 2500) < 150)
    n = count(tensors(4):subset{ 4, 2 }, { 9, weights = moon.tensor{ 0, 1 } })
    assert.same({ [1] = 2 }, n)
    n = count(made(4), { 9, weights = { 0, 0, 1, 0 }, samples = 30 })
    assert.same({ [2] = 30 }, n)
  end))

  it("are another draw in every epoch", task(function()
    local data = tensors(20)
    local function draw(epoch)
      local _, y = whole(data, { 8, weights = moon.ones(20), rng_seed = 1,
                                 epoch = epoch })
      return y:totable()
    end
    assert.same(draw(1), draw(1))
    assert.are_not.same(draw(1), draw(2))
  end))

  it("may balance classes", task(function()
    local y = moon.tensor({ 0, 0, 0, 0, 0, 0, 0, 1 }, { dtype = "i64" })
    local data = moon.data.tensors{ moon.arange(8), y }
    local n = count(data, { 100, weights = "balanced", samples = 2000,
                            rng_seed = 3 })
    assert.is_true(math.abs(n[0] - 1000) < 150)
  end))

  it("are refused where they do not fit", task(function()
    local function fails(text, options)
      options[1] = 2
      assert.error_matches(function() tensors(3):batches(options) end, text, 1,
                           true)
    end
    fails("batches: 2 weights for 3 examples", { weights = { 1, 1 } })
    fails('weights is a list, a tensor or "balanced", not even',
          { weights = "even" })
    fails("samples means nothing without weights", { samples = 3 })
    fails("without shuffle", { weights = { 1, 1, 1 }, shuffle = true })
    assert.error_matches(function()
      whole(tensors(2), { 2, weights = { 1, -1 } }):await()
    end, "multinomial: weight %-1 at position 2")
    assert.error_matches(function()
      moon.data.tensors{ moon.ones(2) }:batches{ 1, weights = "balanced" }
    end, 'weights = "balanced" needs class ids')
  end))
end)

describe("batches that are varied", function()
  local all = {
    flip = true, crop = 1, affine = { rotate = 20, translate = 0.1 },
    jitter = { brightness = 0.3, contrast = 0.2 },
    normalise = { mean = { 0.4, 0.6 }, std = { 0.2, 0.3 } }, cutout = { 2, 1 },
  }
  local gray = {}
  for name, value in pairs(all) do gray[name] = value end
  gray.normalise = { mean = { 0.4 }, std = { 0.2 } }

  local function one_channel(n)
    local x = moon.arange(0, n * 30):reshape(n, 1, 5, 6) / (n * 30)
    return moon.data.tensors{ x, moon.arange(0, n, { dtype = "i64" }) }
  end

  local function epoch(size, options)
    local o = { size, shuffle = true, rng_seed = 4 }
    for name, value in pairs(options) do o[name] = value end
    return whole(one_channel(24), o)
  end

  it("are the same for any size, on any number of threads", task(function()
    local expected = epoch(24, gray)
    assert.is_true(same(expected, (epoch(5, gray))))
    local threads = moon.threads()
    moon.set_threads(1)
    assert.is_true(same(expected, (epoch(7, gray))))
    moon.set_threads(threads)
    assert.is_false(same(expected, (epoch(24, { flip = true }))))
  end))

  it("take the steps one after another", task(function()
    local x = epoch(24, gray)
    local flat = epoch(24, { flip = true, crop = 1 })
    local a = moon.data.augment
    local function at(options)
      options.rng_seed, options.epoch = 4, 1
      return options
    end
    local y = a.affine(flat, at{ rotate = 20, translate = 0.1 })
    y = a.jitter(y, at{ brightness = 0.3, contrast = 0.2 })
    y = a.normalise(y, gray.normalise)
    y = a.cutout(y, at{ { 2, 1 } })
    assert.is_true(same(x, y))
  end))

  it("mix inputs and targets", task(function()
    local x, y = epoch(24, { mixup = { 0.5, classes = 24 } })
    assert.same({ 24, 24 }, y:shape())
    assert.is_true(moon.allclose(y:sum(2), moon.ones(24)))
    local plain = one_channel(24).x:reshape(24, 30)
    assert.is_true(moon.allclose(x:reshape(24, 30), y:matmul(plain),
                                 { rtol = 1e-5, atol = 1e-5 }))
    local named = moon.data.from{ 4, function(i)
      return moon.full({ 1, 2, 2 }, i), i % 2
    end, classes = { "even", "odd" } }
    assert.same({ 4, 2 }, select(2, whole(named, { 4, mixup = 0.2 })):shape())
    assert.error_matches(function() epoch(4, { mixup = 0.2 }) end,
                         "mixup: how many classes are there?")
  end))

  it("refuse options that do not fit", task(function()
    assert.error_matches(function()
      one_channel(2):batches{ 2, affine = { turn = 3 } }
    end, "affine: no option 'turn' %(known: fill, rotate, scale")
    assert.error_matches(function()
      whole(one_channel(2), { 2, jitter = { hue = 2 } })
    end, "jitter: hue from %-2 to 2")
  end))
end)
