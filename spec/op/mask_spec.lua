-- The gradient of a convolution with ReLU, whose dy is masked by the bits of
-- y > 0 while it is read (kernels/cpu/mask.h), where the device does that: its
-- bits are those of a convolution and a ReLU of its own.

local C = require("moonseed.ffi").C
local moon = require "moonseed"
local bits = require "support.bits"
local task = require "support.task"
local uv = require "luv"

local on_bf16 = C.moon_has_bf16() == 1 and it or pending

-- Sizes are n, c, h, w, k and the kernel's.
local CASES = {
  ["by Winograd, of whole tiles"] = { 4, 32, 16, 16, 64, 3 },
  ["by Winograd, of partial tiles"] = { 5, 16, 13, 18, 48, 3 },
  ["by Winograd, without padding"] = { 6, 80, 12, 9, 16, 3, padding = 0 },
  ["by Winograd, cut in output channels"] = { 2, 128, 16, 16, 256, 3 },
  ["directly, of few channels"] = { 8, 3, 16, 16, 32, 3 },
  ["directly, of large kernels"] = { 3, 16, 20, 11, 32, 5, padding = 2 },
  ["directly, of one pixel"] = { 6, 48, 9, 10, 32, 1, padding = 0 },
  ["directly, in bands"] = { 1, 16, 64, 48, 32, 5, padding = 2 },
  ["directly, with strides"] = { 4, 24, 17, 17, 32, 3, stride = 2 },
  ["of one channel"] = { 8, 1, 28, 28, 32, 3 },
  ["of channels that are no whole vectors"] = { 4, 16, 12, 12, 20, 3 },
  ["of one image of one pixel"] = { 1, 16, 1, 1, 16, 1, padding = 0 },
}

local function inputs_of(case)
  local n, c, h, w, k, size = unpack(case)
  moon.manual_seed(1)
  return { moon.randn(n, c, h, w), moon.randn(k, c, size, size),
           moon.randn(k) }
end

local function options_of(case, epilogue)
  return { padding = case.padding or 1, stride = case.stride or 1,
           epilogue = epilogue }
end

-- y and the gradients that `wanted` names, x, w or b; dy_of(y) is y's.
local function run(inputs, options, relu, dy_of, wanted)
  local t = {}
  for i, name in ipairs{ "x", "w", "b" } do
    t[i] = inputs[i]:detach()
    if wanted:find(name) then t[i]:requires_grad() end
  end
  local y = moon.conv2d(t[1], t[2], t[3], options)
  if relu then y = y:relu() end
  y:backward(dy_of(y))
  return { y = y:detach(), x = t[1].grad, w = t[2].grad, b = t[3].grad }
end

-- What a device knows of a call before it is planned may differ from what it
-- knows then, so everything is run twice.
local function check(case, dy_of, wanted, inputs)
  inputs = inputs or inputs_of(case)
  for turn = 1, 2 do
    local fused = run(inputs, options_of(case, "relu"), false, dy_of, wanted)
    local apart = run(inputs, options_of(case), true, dy_of, wanted)
    for name, value in pairs(apart) do
      assert.is_true(bits.of(value) == bits.of(fused[name]),
                     ("%s, turn %d"):format(name, turn))
    end
  end
end

local function random(y)
  moon.manual_seed(2)
  return moon.randn(unpack(y:shape()))
end

local function channels_last(x)
  return x:permute(1, 3, 4, 2):contiguous():permute(1, 4, 2, 3)
end

describe("a convolution with ReLU has the gradient of both apart,", function()
  for name, case in pairs(CASES) do
    it(name, task(function()
      check(case, function(y) return channels_last(random(y)) end, "x w b")
    end))

    it(name .. ", where one gradient stands for a whole image", task(function()
      check(case, function(y)
        return random(y):narrow(3, 1, 1):narrow(4, 1, 1)
               :expand(unpack(y:shape()))
      end, "x w b")
    end))
  end

  local case = CASES["by Winograd, of partial tiles"]
  it("where dy lies in rows", task(function() check(case, random, "x w b") end))

  it("where dy is a part of another tensor", task(function()
    check(case, function(y)
      local n, c, h, w = unpack(y:shape())
      moon.manual_seed(2)
      return channels_last(moon.randn(n, c, h + 3, w + 2))
             :narrow(3, 2, h):narrow(4, 3, w)
    end, "x w b")
  end))

  for _, wanted in ipairs{ "x", "w", "b", "x w", "x b", "w b" } do
    it("where only these are wanted: " .. wanted, task(function()
      check(case, random, wanted)
      check(CASES["directly, of few channels"], random, wanted)
    end))
  end

  it("on any number of threads", task(function()
    local threads = moon.threads()
    for n = 1, 2 do
      moon.set_threads(n)
      check(CASES["by Winograd, of whole tiles"], random, "x w b")
    end
    moon.set_threads(threads)
  end))

  it("without an op for ReLU's gradient on the cpu", task(function()
    for _, c in ipairs{ case, CASES["directly, of few channels"] } do
      check(c, random, "w b")
      local begin, seen = uv.hrtime(), 0
      run(inputs_of(c), options_of(c, "relu"), false, random, "w b")
      moon.synchronize()
      for _, span in ipairs(moon.streams():recent(32)) do
        if span.submit_ns > begin then
          assert.not_equal("relu backward", span.name)
          seen = seen + 1
        end
      end
      assert.is_true(seen > 2)
    end
  end))

  it("where x has NaN", task(function()
    local inputs = inputs_of(case)
    inputs[1][2][5][8][8] = 0 / 0
    check(case, random, "x w b", inputs)
  end))

  it("in strict precision", task(function()
    moon.set_precision "strict"
    check(case, random, "x w b")
    moon.set_precision "fast"
  end))

  on_bf16("with autocast", task(function()
    moon.autocast("bf16", function() check(case, random, "x w b") end)
  end))

  it("with two backwards that add up", task(function()
    local inputs = inputs_of(case)
    local w, b = inputs[2]:requires_grad(), inputs[3]:requires_grad()
    for _ = 1, 2 do
      local y = moon.conv2d(inputs[1], w, b, options_of(case, "relu"))
      y:backward(random(y))
    end
    local once = run(inputs, options_of(case), true, random, "w b")
    assert.is_true(moon.allclose(w.grad, once.w * 2))
    assert.is_true(moon.allclose(b.grad, once.b * 2))
  end))
end)
