-- Data sets: counting, picking, splitting, and the order of batches.
local task = require "support.task"
local moon = require "moonseed"

local exact = { rtol = 0, atol = 0 }

-- x[i] = { i, -i }, y[i] = i - 1.
local function rows(n)
  local x, y = {}, {}
  for i = 1, n do x[i], y[i] = { i, -i }, i - 1 end
  return moon.data.tensors{ moon.tensor(x), moon.tensor(y, { dtype = "i64" }) }
end

-- Images whose pixels are all different.
local function images(n, dtype)
  local x = moon.arange(0, n * 2 * 3 * 4):reshape(n, 2, 3, 4)
  return moon.data.tensors{ dtype and x:to(dtype) or x, moon.arange(0, n, {
    dtype = "i64" }) }
end

-- The labels of an epoch, in order; batches as lists.
local function labels(data, options)
  local list, sizes = {}, {}
  for x, y in data:batches(options) do
    assert.equal(x:size(1), y:size(1))
    for _, label in ipairs(y:totable()) do list[#list + 1] = label end
    sizes[#sizes + 1] = y:size(1)
  end
  return list, sizes
end

local function sorted(list)
  local copy = { unpack(list) }
  table.sort(copy)
  return copy
end

local function range(n)
  local list = {}
  for i = 1, n do list[i] = i - 1 end
  return list
end

describe("a data set", function()
  it("is counted by #", task(function()
    assert.equal(7, #rows(7))
    assert.equal("dataset of 7 examples 2", tostring(rows(7)))
  end))

  it("gives single examples", task(function()
    local x, y = rows(5):get(2)
    assert.same({ 2, -2 }, x:totable())
    assert.equal(1, y:item())
    assert.equal(4, select(2, rows(5):get(-1)):item())
    assert.error_matches(function() rows(5):get(6) end, "position 6 of 5")
  end))

  it("gives all examples", task(function()
    assert.same({ { 1, -1 }, { 2, -2 } }, rows(2).x:totable())
    assert.same({ 0, 1 }, rows(2).y:totable())
  end))

  it("has parts, and parts of parts", task(function()
    local part = rows(10):narrow(3, 5):subset{ 1, -1, 2 }
    assert.equal(3, #part)
    assert.same({ 2, 6, 3 }, part.y:totable())
    assert.same({ 3, -3 }, (part:get(1)):totable())
    assert.same({ 2, 6, 3 }, (labels(part, { 2 })))
    assert.error_matches(function() rows(3):narrow(2, 3) end,
                         "narrow: 3 examples from 2 of 3")
  end))

  it("is split into parts that have nothing in common", task(function()
    local a, b = rows(20):split{ 6, rng_seed = 3 }
    assert.equal(14, #a)
    assert.equal(6, #b)
    local all = a.y:totable()
    for _, label in ipairs(b.y:totable()) do all[#all + 1] = label end
    assert.same(range(20), sorted(all))
    assert.are_not.same(range(20), all)
  end))

  it("is split the same way by the same seed", task(function()
    moon.manual_seed(1)
    local _, a = rows(20):split{ 6, rng_seed = 3 }
    moon.manual_seed(2)
    local _, b = rows(20):split{ 6, rng_seed = 3 }
    local _, c = rows(20):split{ 6, rng_seed = 4 }
    assert.same(a.y:totable(), b.y:totable())
    assert.are_not.same(a.y:totable(), c.y:totable())
  end))

  it("may have no targets", task(function()
    local n = 0
    for x, y in moon.data.tensors{ moon.zeros(3, 2) }:batches{ 2 } do
      n = n + x:size(1)
      assert.is_nil(y)
    end
    assert.equal(3, n)
  end))

  it("refuses tensors that do not fit", task(function()
    assert.error_matches(function()
      moon.data.tensors{ moon.zeros(3, 2), moon.zeros(4) }
    end, "tensors: x has 3 rows, y 4")
    assert.error_matches(function() moon.data.tensors{ 3 } end,
                         "tensors: x is a tensor, not a number")
  end))
end)

describe("batches", function()
  it("come in order, the last one partial", task(function()
    local list, sizes = labels(rows(10), { 4 })
    assert.same(range(10), list)
    assert.same({ 4, 4, 2 }, sizes)
    list, sizes = labels(rows(10), { 4, drop_last = true })
    assert.same(range(8), list)
    assert.same({ 4, 4 }, sizes)
  end))

  it("give every example once when shuffled", task(function()
    local list = labels(rows(50), { 8, shuffle = true })
    assert.same(range(50), sorted(list))
    assert.are_not.same(range(50), list)
  end))

  it("keep x and y together", task(function()
    for x, y in rows(30):batches{ 7, shuffle = true } do
      local expected = (y + 1):to "f32"
      assert.is_true(moon.allclose(x:narrow(2, 1, 1):reshape(-1), expected,
                                   exact))
    end
  end))

  it("have another order in every epoch, told by the task's seed",
     task(function()
       local data = rows(40)
       moon.manual_seed(11)
       local a, b = labels(data, { 8, shuffle = true }),
         labels(data, { 8, shuffle = true })
       moon.manual_seed(11)
       local c, d = labels(data, { 16, shuffle = true }),
         labels(data, { 16, shuffle = true })
       assert.are_not.same(a, b)
       assert.same(a, c)
       assert.same(b, d)
     end))

  it("have an order told by rng_seed and the epoch alone", task(function()
    local options = { 8, shuffle = true, rng_seed = 5 }
    local first, again = rows(40), rows(40)
    moon.manual_seed(1)
    local a, b = labels(first, options), labels(first, options)
    moon.manual_seed(2)
    assert.same(a, (labels(again, options)))
    assert.same(b, (labels(again, options)))
    assert.are_not.same(a, b)
    options.epoch = 1
    assert.same(a, (labels(again, options)))
  end))

  it("do not depend on how many are assembled ahead", task(function()
    for _, ahead in ipairs{ 0, 1, 5, 100 } do
      assert.same(labels(rows(20), { 3, shuffle = true, rng_seed = 2 }),
                  (labels(rows(20), { 3, shuffle = true, rng_seed = 2,
                                      ahead = ahead })))
    end
  end))

  it("leave the task's own random numbers alone", task(function()
    local function draw(data)
      moon.manual_seed(4)
      if data then labels(data, { 3, shuffle = true, rng_seed = 1 }) end
      return moon.rand(3):totable()
    end
    assert.same(draw(), draw(rows(10)))
  end))

  it("may be left early", task(function()
    local next_batch = rows(100):batches{ 1, ahead = 10 }
    assert.same({ 1, 2 }, next_batch():shape())
  end))

  it("wait for the device when the loop reads nothing", task(function()
    local data, most = rows(4000), 0
    local w = moon.randn(256, 256)
    for _ in data:batches{ 4 } do
      w:matmul(w)
      most = math.max(most, moon.stats().in_flight)
    end
    -- Three ops a batch, of four unfinished and two or three ahead.
    assert.is_true(most <= 30, most)
  end))

  it("outlive a moon.tidy in which one was taken", task(function()
    local next_batch = rows(6):batches{ 2 }
    moon.tidy(function() next_batch() end)
    local x = next_batch()
    assert.same({ { 3, -3 }, { 4, -4 } }, x:totable())
  end))

  it("turn u8 images into f32 in [0, 1]", task(function()
    local data = images(4, "u8")
    local expected = images(4).x / 255
    local x = data:batches{ 4 }()
    assert.equal("f32", x:dtype())
    assert.is_true(moon.allclose(x, expected, exact))
    assert.is_true(moon.allclose(data.x, expected, exact))
    assert.is_true(moon.allclose((data:get(3)), expected[3], exact))
    assert.equal("u8", data.source.x:dtype())
  end))

  it("mirror about half of the images", task(function()
    local data, mirrored = images(200), 0
    for x, y in data:batches{ 50, flip = true, rng_seed = 1 } do
      for i, label in ipairs(y:totable()) do
        local row, plain = x[i][1][1]:totable(), data.x[label + 1][1][1]
          :totable()
        if row[1] ~= plain[1] then
          mirrored = mirrored + 1
          plain = { plain[4], plain[3], plain[2], plain[1] }
        end
        assert.same(plain, row)
      end
    end
    assert.is_true(mirrored > 70 and mirrored < 130, mirrored)
  end))

  it("shift images by up to crop pixels, zeros beyond the edge",
     task(function()
       local ones = moon.data.tensors{ moon.ones(300, 1, 5, 5) }
       local rows_seen = {}
       for x in ones:batches{ 300, crop = 2, rng_seed = 1 } do
         for _, image in ipairs(x:sum({ 2, 4 }):totable()) do
           rows_seen[table.concat(image, " "):gsub("[1-5]", "x")] = true
         end
       end
       local n = 0
       for _ in pairs(rows_seen) do n = n + 1 end
       assert.equal(5, n)  -- two up, one up, none, one down, two down
     end))

  it("are augmented the same way for any batch size", task(function()
    local function all(size)
      local parts = {}
      for x in images(30):batches{ size, shuffle = true, flip = true, crop = 1,
                                   rng_seed = 9 } do
        parts[#parts + 1] = x
      end
      return moon.cat(parts, 1)
    end
    assert.is_true(moon.allclose(all(30), all(7), exact))
  end))

  it("refuse options that do not fit", task(function()
    local function fails(pattern, options)
      assert.error_matches(function() rows(4):batches(options) end, pattern)
    end
    fails("batches: no option 'shufle'", { 2, shufle = true })
    fails("batches: size is missing", {})
    fails("batches: flip and crop are for images .* x is 4x2 f32",
          { 2, flip = true })
    fails("batches: epoch means nothing without rng_seed", { 2, epoch = 3 })
  end))
end)

describe("data on a device that is not the current one", function()
  it("stay there, in every part and every batch", task(function()
    local data = images(12)
    local a, b = data:split{ 4, rng_seed = 1 }
    moon.set_device "ref"
    local parts = { data, a, a:concat(b), data:narrow(2, 5), b:subset{ 1, 3 },
                    data:cache(), data:split{ 5 },
                    data:map(function(x, y) return x * 2, y end) }
    for i, part in ipairs(parts) do
      local n = 0
      for x, y in part:batches{ 4, shuffle = true, flip = true, crop = 1 } do
        assert.equal("cpu", x:device(), i)
        assert.equal("cpu", y:device(), i)
        n = n + x:await():size(1)
      end
      assert.equal(#part, n)
    end
    local model = moon.nn.Sequential{ moon.nn.Flatten{},
                                      moon.nn.Linear{ 24, 12 } }
    local found = moon.seed.evaluate.accuracy(model:to "cpu", data)
    moon.set_device "cpu"
    assert.is_true(found.loss > 0)
  end))
end)
