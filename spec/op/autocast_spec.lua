-- Products inside moon.autocast("bf16", fn): their values. Whom it holds for is
-- in spec/autocast_spec.lua. The definition is ref's: factors rounded to bf16,
-- products added in f64.

local bits = require "support.bits"
local ffi = require "ffi"
local moon = require "moonseed"
local task = require "support.task"

local C = require("moonseed.ffi").C
local on_bf16 = C.moon_has_bf16() == 1 and it or pending

-- Largest difference, relative to the largest value.
local function error_of(value, exact)
  value = value:detach():to("ref"):to("f64")
  exact = exact:detach():to("ref"):to("f64")
  return ((value - exact):abs():max() / exact:abs():max()):item()
end

-- y and the gradients of all inputs, in f32, or in `dtype`, on a device.
local function all(case, device, dtype)
  moon.manual_seed(1)
  local leaves, results = {}, {}
  for i, shape in ipairs(case) do
    leaves[i] = moon.randn(shape, { device = "cpu" }):to(device)
    leaves[i] = leaves[i]:to(dtype or "f32"):detach():requires_grad()
  end
  local y = case.fn(unpack(leaves))
  moon.manual_seed(2)
  local dy = moon.randn(y:shape(), { device = "cpu" })
  y:backward(dy:to(device):to(y:dtype()))
  for i, leaf in ipairs(leaves) do results[i] = leaf.grad end
  results[#results + 1] = y:detach()
  return results
end

local function autocast(case, device, dtype)
  return moon.autocast("bf16", function() return all(case, device, dtype) end)
end

-- A case whose forward multiplies in `dtype`, whatever its backward does.
local function forward_in(dtype, case)
  return { fn = function(...)
    local inputs = { ... }
    return moon.autocast(dtype, function() return case.fn(unpack(inputs)) end)
  end, unpack(case) }
end

local function conv(options)
  return function(x, w, b) return moon.conv2d(x, w, b, options) end
end

-- Shapes of the inputs, and a function of them. relu: the gradient is not near
-- f32's where y changes its sign.
local CASES = {
  ["matmul"] = { { 96, 128 }, { 128, 112 }, fn = moon.matmul },
  ["matmul of columns"] = { { 128, 96 }, { 112, 128 },
    fn = function(a, b) return a:t():matmul(b:t()) end },
  ["matmul of odd sizes"] = { { 99, 131 }, { 131, 117 }, fn = moon.matmul },
  ["matmul of parts of rows"] = { { 96, 200 }, { 128, 200 },
    fn = function(a, b)
      return a:narrow(2, 3, 128):matmul(b:narrow(2, 1, 100))
    end },
  ["a long sum"] = { { 64, 9000 }, { 9000, 64 }, fn = moon.matmul },
  ["many blocks"] = { { 200, 700 }, { 700, 400 }, fn = moon.matmul },
  ["many matrices"] = { { 3, 2, 80, 64 }, { 2, 64, 96 }, fn = moon.matmul },
  ["linear"] = { { 4, 24, 128 }, { 160, 128 }, { 160 }, fn = moon.linear },
  ["linear with ReLU"] = { { 4, 24, 128 }, { 160, 128 }, { 160 }, relu = true,
    fn = function(x, w, b)
      return moon.linear(x, w, b, { epilogue = "relu" })
    end },
  ["conv2d of one tap"] = { { 4, 64, 12, 12 }, { 64, 64, 1, 1 }, { 64 },
    fn = conv{} },
  ["conv2d with ReLU"] = { { 2, 48, 9, 9 }, { 64, 48, 1, 1 }, { 64 },
    relu = true, fn = conv{ epilogue = "relu" } },
  ["conv2d with strides"] = { { 3, 32, 15, 14 }, { 48, 32, 3, 3 }, { 48 },
    fn = conv{ stride = 2, padding = 1 } },
  ["conv2d of few channels"] = { { 2, 3, 32, 32 }, { 64, 3, 7, 7 }, { 64 },
    fn = conv{ stride = 2, padding = 3 } },
  ["conv2d of groups"] = { { 2, 64, 10, 10 }, { 64, 16, 3, 3 }, { 64 },
    fn = conv{ padding = 1, groups = 4 } },
  ["conv2d of odd channels"] = { { 2, 37, 11, 11 }, { 53, 37, 5, 5 }, { 53 },
    fn = conv{ padding = 2 } },
  ["conv2d with dilation"] = { { 2, 32, 12, 12 }, { 32, 32, 3, 3 }, { 32 },
    fn = conv{ padding = 2, dilation = 2 } },
}

local PLAIN = {
  ["winograd's convolutions"] = { { 4, 32, 16, 16 }, { 64, 32, 3, 3 },
    fn = conv{ padding = 1 } },
  ["depthwise convolutions"] = { { 4, 32, 16, 16 }, { 32, 1, 3, 3 },
    fn = conv{ padding = 1, groups = 32 } },
  ["small products"] = { { 8, 64 }, { 10, 64 }, fn = moon.linear },
}

local function same(a, b)
  assert.equal(#a, #b)
  return bits.of_all(a) == bits.of_all(b)
end

-- The nearest bf16 of a number that f32 has, of two the even one.
local function rounded(value)
  local word = ffi.new("union { float f; uint32_t u; }", { f = value })
  local rest, odd = word.u % 0x10000, word.u % 0x20000 >= 0x10000
  local up = rest > 0x8000 or (rest == 0x8000 and odd)
  word.u = word.u - rest + (up and 0x10000 or 0)
  return word.f
end

describe("autocast", function()
  on_bf16("is on ref the product of rounded factors", task(function()
    moon.manual_seed(3)
    local a = moon.randn({ 5, 7 }, { device = "ref" })
    local b = moon.randn({ 7, 3 }, { device = "ref" })
    a[1][1]:fill_(1 + 2 ^ -8)      -- half way: to the even 1
    a[1][2]:fill_(1 + 3 * 2 ^ -8)  -- half way: to the even 1 + 2^-6
    local y = moon.autocast("bf16", function() return a:matmul(b) end)
    for i = 1, 5 do
      for j = 1, 3 do
        local sum = 0
        for k = 1, 7 do
          sum = sum + rounded(a[i][k]:item()) * rounded(b[k][j]:item())
        end
        assert.equal(tonumber(ffi.new("float", sum)), y[i][j]:item())
      end
    end
  end))

  for name, case in pairs(CASES) do
    on_bf16("gives what ref defines, " .. name, task(function()
      local fast, exact = autocast(case, "cpu"), autocast(case, "ref")
      local f32 = all(case, "cpu")
      for i, value in ipairs(fast) do
        local e, far = error_of(value, exact[i]), error_of(value, f32[i])
        assert.is_true(e < 1e-5, ("result %d is off by %g"):format(i, e))
        assert.is_true(far > 1e-4 or value:ndim() == 1, "not rounded: " .. i)
        assert.is_true(far < 8e-3 or case.relu, ("%d: %g"):format(i, far))
      end
    end))

    on_bf16("gives the same bits on every schedule, " .. name, task(function()
      local function run() return autocast(case, moon.device()) end
      local one = bits.run(bits.plain, run)
      for _, schedule in ipairs{ bits.schedules[1], bits.schedules[5],
                                 bits.simulated(3, 0.1) } do
        assert.is_true(same(one, bits.run(schedule, run)), schedule.name)
      end
    end))
  end

  for name, case in pairs(PLAIN) do
    on_bf16("leaves " .. name .. " as they are", task(function()
      assert.is_true(same(all(case, "cpu"), autocast(case, "cpu")))
    end))
  end

  on_bf16("leaves f64 as it is", task(function()
    local case = CASES["matmul"]
    assert.is_true(same(all(case, "cpu", "f64"), autocast(case, "cpu", "f64")))
  end))

  on_bf16("changes no bit outside", task(function()
    local case = CASES["conv2d with strides"]
    local before = all(case, "cpu")
    autocast(case, "cpu")
    assert.is_true(same(before, all(case, "cpu")))
  end))

  on_bf16("keeps what the forward had in the backward", task(function()
    for _, name in ipairs{ "matmul", "linear", "conv2d of one tap" } do
      local case = CASES[name]
      local half, full = forward_in("bf16", case), forward_in("f32", case)
      assert.is_true(same(autocast(case, "cpu"), all(half, "cpu")), name)
      assert.is_true(same(all(case, "cpu"), autocast(full, "cpu")), name)
    end
  end))

  on_bf16("adds a second gradient to the first", task(function()
    for _, name in ipairs{ "matmul", "conv2d with strides" } do
      local x, w = moon.randn(CASES[name][1]), moon.randn(CASES[name][2])
      w:requires_grad()
      local function step() CASES[name].fn(x, w):sum():backward() end
      moon.autocast("bf16", function()
        step()
        local once = w.grad:clone()
        step()
        assert.is_true(moon.allclose(w.grad, once * 2))
      end)
    end
  end))

  on_bf16("reads weights as they are now", task(function()
    local x, w = moon.randn(8, 32, 8, 8), moon.randn(64, 32, 1, 1)
    local function y() return moon.conv2d(x, w) end
    for turn = 1, 3 do
      local half, full = moon.autocast("bf16", y), y()
      local e = error_of(half, full)
      assert.is_true(e > 1e-4 and e < 8e-3, ("turn %d: %g"):format(turn, e))
      w:copy_(w * -1.7)
    end
  end))

  on_bf16("lets NaN and infinity through", task(function()
    local a, b = moon.ones(64, 64), moon.ones(64, 64)
    a[1][1]:fill_(0 / 0)
    a[2][1]:fill_(1 / 0)
    local y = moon.autocast("bf16", function() return a:matmul(b) end)
    assert.is_true(y[1][1]:item() ~= y[1][1]:item())
    assert.equal(1 / 0, y[2][1]:item())
    assert.equal(64, y[3][1]:item())
  end))

  on_bf16("holds for what recompute computes again", task(function()
    local case = CASES["matmul"]
    local again = { fn = function(a, b)
      return moon.recompute(function(p, q) return p:matmul(q) end, a, b)
    end, unpack(case) }
    local expected = autocast(case, "cpu")
    assert.is_true(same(expected, autocast(again, "cpu")))
    assert.is_true(same(expected, all(forward_in("bf16", again), "cpu")))
  end))
end)
