-- Convolutions that are computed by Winograd's method (kernels/cpu/winograd.h).

local moon = require "moonseed"
local task = require "support.task"

-- Largest difference, relative to the largest value.
local function error_of(value, exact)
  value, exact = value:detach():to("f64"), exact:detach()
  return ((value - exact):abs():max() / exact:abs():max()):item()
end

-- y, dx, dw and db with random inputs of mean 0.5, on the cpu in f32 and in
-- f64, which is computed the direct way.
local function both(case)
  local n, c, h, w, k = unpack(case.sizes)
  moon.manual_seed(1)
  local inputs = { moon.rand(n, c, h, w), moon.randn(k, c, 3, 3),
                   moon.randn(k) }
  local function run(dtype)
    local t = {}
    for i = 1, 3 do t[i] = inputs[i]:to(dtype):detach():requires_grad() end
    local y = moon.conv2d(t[1], t[2], t[3], case.options)
    moon.manual_seed(2)
    y:backward(moon.randn(unpack(y:shape())):to(dtype))
    return { y = y, dx = t[1].grad, dw = t[2].grad, db = t[3].grad }
  end
  return run "f32", run "f64"
end

local function same_bits(a, b)
  return moon.allclose(a:detach(), b:detach(), { rtol = 0, atol = 0 })
end

-- Sizes are n, c, h, w, k.
local CASES = {
  ["of whole tiles"] = {
    sizes = { 4, 32, 16, 16, 64 }, options = { padding = 1 } },
  ["of partial tiles"] = {
    sizes = { 5, 16, 13, 18, 48 }, options = { padding = 1 } },
  ["of tiles of two and three rows"] = {
    sizes = { 16, 32, 14, 15, 64 }, options = { padding = 1 } },
  ["of tiles of three and two rows"] = {
    sizes = { 16, 48, 15, 14, 32 }, options = { padding = 1 } },
  ["of tiles none of which is whole"] = {
    sizes = { 80, 64, 3, 7, 64 }, options = { padding = 1 } },
  ["without padding"] = {
    sizes = { 6, 80, 12, 9, 16 }, options = { padding = 0 } },
  ["with padding on one side"] = {
    sizes = { 9, 48, 7, 10, 112 },
    options = { padding = { 0, 2 } } },
  ["with the largest padding"] = {
    sizes = { 40, 32, 6, 5, 32 }, options = { padding = 2 } },
  ["cut in output channels"] = {
    sizes = { 2, 128, 16, 16, 256 }, options = { padding = 1 } },
  ["cut in many tiles"] = {
    sizes = { 24, 32, 20, 20, 32 }, options = { padding = 1 } },
  ["with ReLU"] = {
    sizes = { 4, 32, 15, 15, 32 },
    options = { padding = 1, epilogue = "relu" } },
}

describe("winograd", function()
  for name, case in pairs(CASES) do
    it("is near the exact result, " .. name, task(function()
      local fast, exact = both(case)
      for part, value in pairs(fast) do
        local e = error_of(value, exact[part])
        assert.is_true(e < 1e-5, ("%s is off by %g"):format(part, e))
      end
    end))
  end

  it("is what suits, and not in strict precision", task(function()
    local fast, exact = both(CASES["of whole tiles"])
    moon.set_precision "strict"
    assert.equal("strict", moon.precision())
    local strict = both(CASES["of whole tiles"])
    moon.set_precision "fast"
    for _, part in ipairs{ "y", "dx", "dw" } do
      assert.is_false(same_bits(fast[part], strict[part]), part)
      assert.is_true(error_of(strict[part], exact[part]) < 2e-6, part)
    end
  end))

  it("keeps the precision of its forward in the backward", task(function()
    local x = moon.randn(4, 32, 16, 16)
    local w = moon.randn(32, 32, 3, 3):requires_grad()
    local function gradient(forward, backward)
      moon.set_precision(forward)
      local y = moon.conv2d(x, w, nil, { padding = 1 })
      moon.set_precision(backward)
      w.grad = nil
      y:sum():backward()
      return w.grad
    end
    local strict = gradient("strict", "strict")
    local mixed = gradient("strict", "fast")
    assert.is_true(same_bits(strict, mixed))
  end))

  it("gives the same bits on any number of threads", task(function()
    local case, threads = CASES["cut in many tiles"], moon.threads()
    moon.set_threads(1)
    local one = both(case)
    moon.set_threads(threads)
    for part, value in pairs(both(case)) do
      assert.is_true(same_bits(one[part], value), part)
    end
  end))

  it("gives each image what it gets alone in other batches", task(function()
    local x, w = moon.randn(8, 32, 16, 16), moon.randn(32, 32, 3, 3)
    local all = moon.conv2d(x, w, nil, { padding = 1 })
    local some = moon.conv2d(x:narrow(1, 3, 4), w, nil, { padding = 1 })
    assert.is_true(same_bits(all:narrow(1, 3, 4), some))
  end))

  it("adds a second gradient to the first", task(function()
    local x = moon.randn(4, 32, 16, 16)
    local w = moon.randn(32, 32, 3, 3):requires_grad()
    local b = moon.randn(32):requires_grad()
    local function step()
      moon.conv2d(x, w, b, { padding = 1 }):sum():backward()
    end
    step()
    local dw, db = w.grad:clone(), b.grad:clone()
    step()
    assert.is_true(moon.allclose(w.grad, dw * 2))
    assert.is_true(moon.allclose(b.grad, db * 2))
  end))

  it("lets NaN through, also with ReLU", task(function()
    local x = moon.zeros(4, 32, 16, 16)
    x[2][5][8][8] = 0 / 0
    local y = moon.conv2d(x, moon.randn(32, 32, 3, 3), nil,
                          { padding = 1, epilogue = "relu" })
    local value = y[2][1][8][8]:item()
    assert.is_true(value ~= value)
    assert.equal(0, y[3]:abs():sum():item())
  end))

  it("refuses another precision", function()
    assert.error_matches(function() moon.set_precision "exact" end,
                         "set_precision: exact is neither fast nor strict")
  end)
end)
