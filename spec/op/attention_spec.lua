local moon = require "moonseed"
local op = require "support.op"
local task = require "support.task"

local function attend(options)
  return function(q, k, v) return moon.attention(q, k, v, options) end
end

-- The definition, of other ops.
local function plainly(q, k, v, mask)
  local scores = q:matmul(k:permute(1, 3, 2)) * q:size(-1) ^ -0.5
  if mask then scores = scores + mask end
  return scores:softmax(3):matmul(v)
end

-- Zeros where a key takes part, else minus infinity.
local function as_numbers(mask)
  return moon.log(mask:to "f32")
end

describe("attention", function()
  op.agrees{ "of a few queries",
             inputs = { { 2, 3, 4 }, { 2, 5, 4 }, { 2, 5, 3 } },
             fn = attend() }
  op.agrees{ "of matrices", inputs = { { 3, 2 }, { 4, 2 }, { 4, 2 } },
             fn = attend{ scale = 0.5 } }
  op.agrees{ "of heads", inputs = { { 2, 2, 3, 4 }, { 2, 2, 3, 4 },
                                    { 2, 2, 3, 4 } },
             fn = attend{ causal = true } }
  op.agrees{ "that is causal over fewer keys",
             inputs = { { 4, 2 }, { 2, 2 }, { 2, 3 } },
             fn = attend{ causal = true } }
  op.agrees{ "with keys and values for all",
             inputs = { { 2, 3, 4 }, { 1, 4, 4 }, { 4, 4 } }, fn = attend() }
  op.agrees{ "of one query and one key", inputs = { { 1, 1 }, { 1, 1 },
                                                    { 1, 1 } },
             fn = attend() }
  op.agrees{ "of no queries", inputs = { { 0, 2 }, { 3, 2 }, { 3, 2 } },
             fn = attend() }
  op.agrees{ "of no keys", inputs = { { 3, 2 }, { 0, 2 }, { 0, 2 } },
             fn = attend() }

  -- More than a block of queries, of keys, of features.
  local large = { { 2, 70, 20 }, { 2, 150, 20 }, { 2, 150, 35 } }
  op.matches{ "of many", inputs = large, fn = attend(), tolerance = 2e-5 }
  op.matches{ "of many that is causal", inputs = large,
              fn = attend{ causal = true }, tolerance = 2e-5 }
  op.matches{ "of many with a mask", inputs = large, tolerance = 2e-5,
              fn = function(q, k, v)
    local i = moon.arange(70, { device = q:device() }):reshape(70, 1)
    local j = moon.arange(150, { device = q:device() })
    return moon.attention(q, k, v, { mask = (i - j):abs():lt(40) })
  end }
  op.matches{ "of many with a bias",
              inputs = { large[1], large[2], large[3], { 1, 150 } },
              tolerance = 2e-5, fn = function(q, k, v, bias)
    return moon.attention(q, k, v, { mask = bias })
  end }
  op.matches{ "of one long head", tolerance = 5e-5,
              inputs = { { 301, 17 }, { 707, 17 }, { 707, 16 }, { 301, 1 } },
              fn = function(q, k, v, bias)
    return moon.attention(q, k, v, { mask = bias, causal = true })
  end }
  op.matches{ "of more heads than parts",
              inputs = { { 10, 5, 3, 4 }, { 10, 5, 3, 4 }, { 10, 5, 3, 4 } },
              fn = attend() }

  local inputs = { { 2, 3, 4 }, { 2, 5, 4 }, { 2, 5, 3 } }
  op.agrees{ "with a mask of booleans", inputs = inputs,
             fn = function(q, k, v)
    local mask = moon.tensor({ { true, false, true, true, false },
                               { false, false, false, false, false },
                               { false, true, true, true, true } },
                             { device = q:device() })
    return moon.attention(q, k, v, { mask = mask })
  end }
  op.agrees{ "with a mask of the keys", inputs = inputs,
             fn = function(q, k, v)
    local mask = moon.tensor({ { { true, false, true, true, false } },
                               { { true, true, true, false, false } } },
                             { device = q:device() })
    return moon.attention(q, k, v, { mask = mask, causal = true })
  end }
  op.agrees{ "with a bias", inputs = { { 2, 3, 4 }, { 2, 5, 4 }, { 2, 5, 3 },
                                       { 3, 5 } },
             fn = function(q, k, v, bias)
    return moon.attention(q, k, v, { mask = bias })
  end }
  op.agrees{ "with a bias of the keys", inputs = { { 2, 3, 2 }, { 2, 4, 2 },
                                                   { 2, 4, 2 }, { 2, 1, 4 } },
             fn = function(q, k, v, bias)
    return moon.attention(q, k, v, { mask = bias, causal = true })
  end }

  op.everywhere("is the softmax of the scores, times the values",
                function(device)
    local o = { device = device }
    local q, k = moon.randn(2, 3, 4, o), moon.randn(2, 5, 4, o)
    local v, mask = moon.randn(2, 5, 3, o), moon.randn(3, 5, o):gt(-1)
    assert.is_true(moon.allclose(moon.attention(q, k, v), plainly(q, k, v),
                                 { atol = 1e-6 }))
    assert.is_true(moon.allclose(
      moon.attention(q, k, v, { mask = mask }),
      plainly(q, k, v, as_numbers(mask)), { atol = 1e-6 }))
  end)

  op.everywhere("gives 0 to a query that meets no key", function(device)
    local o = { device = device }
    local q = moon.randn(2, 3, o):requires_grad()
    local k, v = moon.randn(4, 3, o), moon.ones(4, 2, o)
    local y = moon.attention(q, k, v, {
      mask = moon.tensor({ { true }, { false } }, o) })
    op.assert_near({ 1, 1, 0, 0 }, op.flat(y), 1e-6, device)
    y:sum():backward()
    assert.same({ 0, 0, 0 }, op.flat(q.grad[2]))
  end)

  op.everywhere("keeps large scores apart", function(device)
    local o = { device = device }
    local q, k = moon.full({ 1, 1 }, 300, o), moon.tensor({ { 1 }, { 2 } }, o)
    local y = moon.attention(q, k, moon.tensor({ { 5 }, { 7 } }, o))
    assert.same({ 7 }, op.flat(y))
  end)

  op.everywhere("lets NaN through", function(device)
    local o = { device = device }
    local q = moon.full({ 2, 2 }, 0 / 0, o)
    local y = moon.attention(q, moon.ones(3, 2, o), moon.ones(3, 2, o))
    assert.is_true(y:ne(y):to("u8"):min():item() == 1)
  end)

  it("takes memory linear in the length", task(function()
    local n = 2048  -- scores would take 16 MB
    local q, k, v = moon.randn(n, 8):requires_grad(), moon.randn(n, 8),
                    moon.randn(n, 8)
    moon.synchronize()
    local before = moon.stats().allocated_bytes
    moon.attention(q, k, v):sum():backward()
    q.grad:await()
    assert.is_true(moon.stats().allocated_bytes - before < 2 ^ 21)
  end))

  it("gives heads back in the order of q's memory", task(function()
    local q = moon.randn(2, 5, 3, 4):permute(1, 3, 2, 4)
    local y = moon.attention(q, q, q):permute(1, 3, 2, 4)
    assert.same({ 2, 5, 12 }, y:view(2, 5, 12):shape())
  end))

  local function refuses(name, text, q, k, v, options)
    op.refuses(name, text, function()
      moon.attention(moon.zeros(unpack(q)), moon.zeros(unpack(k)),
                     moon.zeros(unpack(v)), options and options())
    end)
  end
  refuses("features that differ",
          "attention: q and k need as many features, at least one " ..
          "(q 2x3, k 2x4, v 2x4)", { 2, 3 }, { 2, 4 }, { 2, 4 })
  refuses("values that lack", "attention: k and v need as many keys",
          { 2, 3 }, { 4, 3 }, { 5, 3 })
  refuses("a vector", "attention: q has 1 dimensions (3), 2 or more needed",
          { 3 }, { 4, 3 }, { 4, 3 })
  refuses("heads that do not broadcast",
          "attention: the matrices do not broadcast",
          { 2, 2, 3 }, { 3, 4, 3 }, { 3, 4, 3 })
  refuses("a mask of another shape",
          "attention: the mask is 3x4; what repeats to 2x4 needed",
          { 2, 3 }, { 4, 3 }, { 4, 3 },
          function() return { mask = moon.zeros(3, 4) } end)
  refuses("a mask of integers", "attention: f32 and i64; cast one",
          { 2, 3 }, { 4, 3 }, { 4, 3 }, function()
    return { mask = moon.zeros(2, 4, { dtype = "i64" }) }
  end)
  refuses("options that there are not", "attention: no option 'masks'",
          { 2, 3 }, { 4, 3 }, { 4, 3 }, function() return { masks = 1 } end)
end)
