-- Images varied at random. What the values are is golden (torchvision's); here
-- is what is random, and that every device agrees.
local moon = require "moonseed"
local op = require "support.op"
local augment = moon.data.augment

-- Pixels in [0, 1], all different.
local function images(device, n, c, h, w, dtype)
  local count = n * c * h * w
  local x = moon.arange(0, count, { device = device, dtype = "f64" })
  x = (x * 7919) / count
  x = x - (x - 0.5):to("i64"):to("f64")  -- the part after the point
  x = x - x:gt(1):to("f64")
  return x:reshape(n, c, h, w):to(dtype or "f32")
end

local ways = {
  affine = { rotate = 40, shear = 20, scale = { 0.7, 1.4 }, translate = 0.2,
             fill = 0.25 },
  jitter = { brightness = 0.5, contrast = 0.5, saturation = 0.9, hue = 0.3 },
  cutout = { { 3, 2 }, fill = 0.5 },
}

local function with(options, more)
  local all = {}
  for key, value in pairs(options) do all[key] = value end
  for key, value in pairs(more) do all[key] = value end
  return all
end

describe("augmentation", function()
  for name, options in pairs(ways) do
    op.everywhere(name .. " is told by the place in the epoch alone",
                  function(device)
      local x = images(device, 6, 3, 5, 7)
      local function some(from, n)
        return augment[name](x:narrow(1, from, n), with(options, {
          rng_seed = 3, position = 100 + from })):totable()
      end
      local whole = some(1, 6)
      for i = 1, 6 do assert.same(whole[i], some(i, 1)[1], name .. i) end
      assert.are_not.same(whole, some(2, 5))
    end)

    op.everywhere(name .. " is the same on every device, in any memory",
                  function(device)
      for _, c in ipairs{ 1, 3 } do
        local seed = with(options, { rng_seed = 5 })
        local exact = augment[name](images("ref", 4, c, 6, 9, "f64"), seed)
        local x = images(device, 4, c, 6, 9)
        local last = x:permute(1, 3, 4, 2):contiguous():permute(1, 4, 2, 3)
        local odd = x:permute(4, 3, 2, 1):contiguous():permute(4, 3, 2, 1)
        for memory, t in pairs{ rows = x, last = last, odd = odd } do
          op.assert_near(op.flat(exact), op.flat(augment[name](t, seed)),
                         1e-5, name .. " " .. memory)
        end
      end
    end)

    op.everywhere(name .. " takes no images, and images of one pixel",
                  function(device)
      local none = augment[name](moon.zeros(0, 3, 4, 4, { device = device }),
                                 options)
      assert.same({ 0, 3, 4, 4 }, none:await():shape())
      local one = augment[name](images(device, 2, 1, 1, 1), options)
      assert.same({ 2, 1, 1, 1 }, one:await():shape())
    end)

    op.refuses(name .. " of what wants a gradient",
               name .. ": x wants a gradient and there is none; detach it",
               function()
      augment[name](images("cpu", 1, 3, 4, 4):requires_grad(), options)
    end)
  end

  op.everywhere("differs from image to image and from epoch to epoch",
                function(device)
    local x = moon.ones(200, 1, 4, 4, { device = device })
    local function means(options)
      return op.flat(augment.jitter(x, with(options, { brightness = { 0, 1 }
                                                      })):mean{ 2, 3, 4 })
    end
    local a = means{ rng_seed = 1 }
    local seen, sum = {}, 0
    for _, v in ipairs(a) do
      assert.is_nil(seen[v])
      seen[v] = true
      sum = sum + v
    end
    assert.is_true(math.abs(sum / 200 - 0.5) < 0.1, sum)
    assert.same(a, means{ rng_seed = 1, epoch = 1 })
    assert.are_not.same(a, means{ rng_seed = 1, epoch = 2 })
    assert.are_not.same(a, means{ rng_seed = 2 })
    assert.are_not.same(means{}, means{})
  end)

  op.everywhere("affine moves by the share that is asked for", function(device)
    local x = moon.zeros(1, 1, 1, 8, { device = device })
    x[1][1][1][5] = 1
    local seen = {}
    for i = 1, 60 do
      local y = augment.affine(x, { translate = { 0, 0.25 }, rng_seed = i })
      local at = y:reshape(8):argmax(1):item()
      seen[at] = (seen[at] or 0) + 1
    end
    for at in pairs(seen) do assert.is_true(at >= 2 and at <= 6, at) end
    assert.is_true(seen[2] and seen[4] and seen[6] and true)
  end)

  op.everywhere("cutout fills a box about any pixel", function(device)
    local y = augment.cutout(moon.ones(300, 2, 5, 6, { device = device }),
                             { { 2, 4 } })
    local cut = (1 - y):sum{ 3, 4 }
    assert.equal(8, cut:max():item())
    assert.equal(2, cut:min():item())  -- a corner
    assert.same(cut:select(2, 1):totable(), cut:select(2, 2):totable())
    local anywhere = y:sum(1)[1]:lt(300):to("i64"):sum():item()
    assert.equal(30, anywhere)
    assert.equal(0, augment.cutout(y, { 20 }):max():item())
    assert.same(y:totable(), augment.cutout(y, { 0 }):totable())
  end)

  op.everywhere("jitter that changes nothing is a copy", function(device)
    local x = images(device, 2, 3, 4, 4) * 3 - 1  -- not clipped either
    assert.same(x:totable(), augment.jitter(x, {}):totable())
  end)

  op.everywhere("mixup mixes each with the next by one share", function(device)
    local x = moon.arange(0, 5, { device = device }):reshape(5, 1, 1, 1)
    local y = moon.arange(0, 5, { dtype = "i64", device = device })
    local mixed, targets = augment.mixup(x, y, { 0.4, classes = 6,
                                                 rng_seed = 1 })
    assert.same({ 5, 6 }, targets:shape())
    local m, t = op.flat(mixed), targets:totable()
    for j = 0, 4 do
      local k = (j + 1) % 5
      local share = t[j + 1][j + 1]
      assert.is_true(share >= 0 and share <= 1)
      assert.is_true(math.abs(t[j + 1][k + 1] - (1 - share)) < 1e-6)
      assert.is_true(math.abs(m[j + 1] - (share * j + (1 - share) * k))
                     < 1e-5)
    end
    local floats = select(2, augment.mixup(x, y:to "f32", { 0.4,
                                                            rng_seed = 1 }))
    op.assert_near(m, op.flat(floats), 1e-6, device)
  end)

  it("draws mixup's shares from Beta(alpha, alpha)", require "support.task"(
    function()
      -- Of [0, 1] by turns the mixed values are shares and their rests.
      local n = 20000
      local x = moon.arange(0, n, { dtype = "i64" })
      x = (x:to "f64" - 2 * (x:to "f64" / 2):to("i64"):to "f64")
      for _, alpha in ipairs{ 0.1, 0.4, 1, 2, 8 } do
        local y = augment.mixup(x, nil, { alpha, rng_seed = 4 })
        local variance = 1 / (4 * (2 * alpha + 1))
        assert.is_true(math.abs(y:mean():item() - 0.5) < 0.015, alpha)
        assert.is_true(math.abs(y:var():item() / variance - 1) < 0.05, alpha)
      end
    end))

  op.refuses("ranges the wrong way round",
             "affine: scale from 2 to 1; a range within [0.001, 1000]",
             function()
    augment.affine(images("cpu", 1, 1, 2, 2), { scale = { 2, 1 } })
  end)
  op.refuses("too much hue",
             "jitter: hue from -0.6 to 0.6; a range within [-0.5, 0.5]",
             function()
    augment.jitter(images("cpu", 1, 3, 2, 2), { hue = 0.6 })
  end)
  op.refuses("colours of two channels",
             "jitter: x is 1x2x2x2; 1 channel or 3 (RGB) needed", function()
    augment.jitter(images("cpu", 1, 2, 2, 2), { hue = 0.1 })
  end)
  op.refuses("integers", "cutout: u8; cast it to f32 or f64", function()
    augment.cutout(moon.zeros(1, 1, 2, 2, { dtype = "u8" }), { 1 })
  end)
  op.refuses("three dimensions",
             "affine: x has 3 dimensions (1x2x2), expected 4", function()
    augment.affine(moon.zeros(1, 2, 2), { rotate = 3 })
  end)
  op.refuses("class ids without their number",
             "mixup: how many classes are there?", function()
    augment.mixup(moon.zeros(2, 1), moon.zeros(2, { dtype = "i64" }), { 1 })
  end)
  op.refuses("means that are not one a channel",
             "normalise: 2 means, x has 3 channels", function()
    augment.normalise(images("cpu", 1, 3, 2, 2), { mean = { 0, 0 },
                                                   std = { 1, 1 } })
  end)
  op.refuses("a deviation of zero", "normalise: std[2] is 0, more than 0",
             function()
    augment.normalise(images("cpu", 1, 2, 2, 2), { mean = { 0, 0 },
                                                   std = { 1, 0 } })
  end)
  op.refuses("unknown options", "affine: no option 'turn'", function()
    augment.affine(images("cpu", 1, 2, 2, 2), { turn = 1 })
  end)
end)

describe("flip and crop of a tensor", function()
  op.everywhere("are those of batches", function(device)
    local x = images(device, 40, 1, 3, 4)
    local flipped = augment.flip(x, { rng_seed = 1 })
    local rows = 0
    for i = 1, 40 do
      local plain, row = x[i][1][1]:totable(), flipped[i][1][1]:totable()
      if row[1] ~= plain[1] then
        rows = rows + 1
        plain = { plain[4], plain[3], plain[2], plain[1] }
      end
      assert.same(plain, row)
    end
    assert.is_true(rows > 8 and rows < 32, rows)
    local ones = moon.ones(60, 1, 4, 4, { device = device })
    local kept = augment.crop(ones, 1):sum{ 2, 3, 4 }
    assert.equal(9, kept:min():item())
  end)
end)
