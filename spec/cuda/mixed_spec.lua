-- moon.autocast on a GPU: dtypes, and values beside those of f32 on ref.
local gpu = require "support.gpu"
local moon = require "moonseed"
local nn = require "moonseed.nn"
local op = require "support.op"
local it = gpu.it

local halves = { "bf16", "f16" }

local function each(fn)
  for _, dtype in ipairs(halves) do
    moon.autocast(dtype, function() fn(dtype) end)
  end
end

local function input(shape, salt, device)
  return op.tensor(op.values(shape, salt), shape, "f32", device or "cuda:0")
end

local function half(shape, salt, dtype)
  return input(shape, salt):to(dtype)
end

-- Value and gradients of sum(fn(inputs) r), r fixed; `dtype`: inside autocast.
local function compute(case, dtype, device)
  local inputs = {}
  for i, shape in ipairs(case.inputs) do
    inputs[i] = input(shape, i, device):requires_grad()
  end
  local function forward() return case.fn(unpack(inputs)) end
  local y = dtype and moon.autocast(dtype, forward) or forward()
  local r = op.tensor(op.values(y:shape(), 99), y:shape(), y:dtype(), device)
  y:backward(r)
  local result = { y = op.flat(y), shape = y:shape(), dtype = y:dtype() }
  for i, x in ipairs(inputs) do
    assert.equal("f32", x:dtype())
    assert.equal("f32", x.grad:dtype())
    result[i] = op.flat(x.grad)
  end
  return result
end

-- A case holds to 1e-2 of the largest value, and gives case.dtype, or the half.
local function agrees(case)
  it(case[1] .. " agrees with f32", function()
    local exact = compute(case, nil, "ref")
    for _, dtype in ipairs(halves) do
      local got = compute(case, dtype, "cuda:0")
      op.assert_same(exact, got, 1e-2, dtype)
      assert.equal(case.dtype or dtype, got.dtype)
    end
  end)
end

local image, weight, channels = { 2, 4, 6, 6 }, { 8, 4, 3, 3 }, { 8 }

-- 1x1, which makes a half of x.
local function lowered(x)
  local eye = moon.zeros(4, 4, { device = x:device() })
  for i = 1, 4 do eye[i]:narrow(1, i, 1):fill_(1) end
  return moon.conv2d(x, eye:reshape(4, 4, 1, 1))
end

local function norm_options(x, w, b, more)
  local o = { weight = w, bias = b,
              mean = moon.zeros(4, { device = x:device() }),
              var = moon.ones(4, { device = x:device() }) }
  for key, value in pairs(more) do o[key] = value end
  return o
end

local function batch_norm(more)
  return function(x, w, b)
    return moon.batch_norm(lowered(x), norm_options(x, w, b, more))
  end
end

gpu.describe("autocast on a GPU", function()
  describe("of products", function()
    agrees{ "conv2d", inputs = { image, weight, channels },
            fn = function(x, w, b)
              return moon.conv2d(x, w, b, { padding = 1, epilogue = "relu" })
            end }
    agrees{ "conv_transpose2d", inputs = { image, { 4, 8, 3, 3 }, channels },
            fn = function(x, w, b)
              return moon.conv_transpose2d(x, w, b, { stride = 2 })
            end }
    agrees{ "linear", inputs = { { 3, 2, 8 }, { 5, 8 }, { 5 } },
            fn = function(x, w, b) return moon.linear(x, w, b) end }
    agrees{ "linear with ReLU", inputs = { { 3, 8 }, { 5, 8 }, { 5 } },
            fn = function(x, w, b)
              return moon.linear(x, w, b, { epilogue = "relu" })
            end }
    agrees{ "matmul", inputs = { { 2, 3, 4 }, { 4, 5 } },
            fn = function(a, b) return a:matmul(b) end }
    agrees{ "matmul with a vector", inputs = { { 2, 3, 4 }, { 4 } },
            fn = function(a, b) return a:matmul(b) end }
    agrees{ "bmm", inputs = { { 2, 3, 4 }, { 2, 4, 5 } },
            fn = function(a, b) return a:bmm(b) end }

    agrees{ "attention",
            inputs = { { 2, 3, 8 }, { 2, 5, 8 }, { 2, 5, 4 }, { 3, 5 } },
            fn = function(q, k, v, mask)
              return moon.attention(q, k, v, { mask = mask })
            end }

    it("leaves f64 and speaks of dtypes as ever", function()
      each(function(dtype)
        local a = moon.ones(2, 2, { dtype = "f64" })
        assert.equal("f64", a:matmul(a):dtype())
        assert.error_matches(function() a:matmul(half({ 2, 2 }, 1, dtype)) end,
                             "matmul: f64 and " .. dtype .. "; cast one")
        local ids = moon.ones(2, 2, { dtype = "i64" })
        assert.error_matches(function() ids:matmul(moon.ones(2, 2)) end,
                             "matmul: i64 and " .. dtype .. "; cast one")
      end)
    end)

    it("follows the tensors' device, and f16 is for GPUs", function()
      local x = moon.full({ 2, 2 }, 1 + 2 ^ -10, { device = "ref" })
      local y = moon.autocast("f16", function() return x:matmul(x) end)
      assert.equal("f32", y:dtype())
      assert.same(x:matmul(x):totable(), y:totable())
    end)
  end)

  describe("between products", function()
    agrees{ "batch_norm in training", inputs = { image, { 4 }, { 4 } },
            fn = batch_norm{ training = true } }
    agrees{ "batch_norm with ReLU", inputs = { image, { 4 }, { 4 } },
            fn = batch_norm{ training = true, epilogue = "relu" } }
    agrees{ "batch_norm in use", inputs = { image, { 4 }, { 4 } },
            fn = batch_norm{} }
    agrees{ "batch_norm without parameters", inputs = { image },
            fn = batch_norm{} }
    agrees{ "layer_norm", inputs = { image, { 6, 6 }, { 6, 6 } },
            fn = function(x, w, b)
              return lowered(x):layer_norm({ 6, 6 }, w, b)
            end }
    agrees{ "group_norm", inputs = { image, { 4 }, { 4 } },
            fn = function(x, w, b)
              return moon.group_norm(lowered(x), 2, w, b)
            end }
    agrees{ "ReLU and pooling", inputs = { image },
            fn = function(x)
              local y = lowered(x):relu():max_pool2d{ 2 }
              return y:avg_pool2d{ 2 } * 0.5
            end }
    agrees{ "the mean of a channel", dtype = "f32", inputs = { image },
            fn = function(x) return moon.global_avg_pool2d(lowered(x)) end }
    agrees{ "a shortcut", inputs = { image },
            fn = function(x)
              local y = lowered(x)
              return y:relu() + y
            end }
    agrees{ "a blend by alpha in f32", inputs = { image, {} },
            fn = function(x, alpha)
              local y = lowered(x)
              return moon.blend(y, y:tanh() * 0.5, alpha)
            end }
    agrees{ "a blend that multiplies", inputs = { image, { 2, 1, 1, 1 } },
            fn = function(x, alpha)
              local y = lowered(x)
              return moon.blend(y, y:tanh() * 0.5, alpha,
                                { kind = "multiply", x = y })
            end }

    it("keeps running statistics and their moves in f32", function()
      each(function(dtype)
        local x = half(image, 1, dtype)
        local o = norm_options(x, nil, nil, { training = true, momentum = 1 })
        assert.equal(dtype, moon.batch_norm(x, o):dtype())
        assert.equal("f32", o.mean:dtype())
        local exact = x:to("f32"):mean({ 1, 3, 4 })
        op.assert_near(op.flat(exact), op.flat(o.mean), 1e-6, "mean")
      end)
    end)

    it("drops out and passes on in its dtype", function()
      each(function(dtype)
        local x = half(image, 1, dtype)
        assert.equal(dtype, moon.dropout(x, 0.5):dtype())
        assert.equal(dtype, x:sigmoid():dtype())
        assert.equal(dtype, x:max({ 3, 4 }):dtype())
      end)
    end)

    it("keeps the alpha of a blend in f32", function()
      each(function(dtype)
        local alpha = moon.full({}, 2 ^ -12)
        local h = moon.zeros(4, { dtype = dtype })
        local s = moon.full({ 4 }, 1024, { dtype = dtype })
        assert.equal(0.25, moon.blend(h, s, alpha):to("f32")[1]:item())
      end)
    end)
  end)

  describe("in f32", function()
    agrees{ "cross_entropy", dtype = "f32", inputs = { { 4, 4 }, { 5, 4 } },
            fn = function(x, w)
              local labels = moon.tensor({ 0, 1, 4, 2 },
                                         { dtype = "i64",
                                           device = x:device() })
              return nn.cross_entropy(moon.linear(x, w), labels)
            end }
    agrees{ "cross_entropy of shares", dtype = "f32",
            inputs = { { 4, 4 }, { 5, 4 }, { 4, 5, fill = "positive" } },
            fn = function(x, w, shares)
              return nn.cross_entropy(moon.linear(x, w), shares)
            end }
    agrees{ "softmax", dtype = "f32", inputs = { image },
            fn = function(x) return lowered(x):softmax(2) end }
    agrees{ "a sum of exp", dtype = "f32", inputs = { image },
            fn = function(x) return lowered(x):exp():sum(3) end }
    for _, name in ipairs{ "mse", "l1", "huber", "smooth_l1",
                           "bce_with_logits" } do
      agrees{ name, dtype = "f32", inputs = { image, image },
              fn = function(x, t)
                return nn[name](lowered(x), t:detach() + t * 0,
                                { reduction = "sum" })
              end }
    end
    for _, name in ipairs{ "sum", "mean", "norm", "var", "std", "logsumexp" } do
      agrees{ name, dtype = "f32", inputs = { image },
              fn = function(x) return lowered(x)[name](lowered(x), 3) end }
    end

    it("is what a half and an f32 give", function()
      each(function(dtype)
        local x, y = half({ 4 }, 1, dtype), input({ 4 }, 2)
        local exact = x:to("f32")
        for _, z in ipairs{ x + y, y + x } do
          assert.equal("f32", z:dtype())
          assert.same((exact + y):totable(), z:totable())
        end
        assert.equal("f32", y:gt(0):where(x, y):dtype())
        assert.equal("f32", moon.blend(x, y, moon.full({}, 0.5)):dtype())
        assert.equal("f32", moon.cat{ x, y }:dtype())
        assert.equal("f32", moon.stack{ y, x }:dtype())
        assert.equal(dtype, moon.cat{ x, x }:dtype())
      end)
    end)

    it("is not forced on a target in place", function()
      each(function(dtype)
        local x, y = half({ 4 }, 1, dtype), input({ 4 }, 2)
        local sum = (y + x):totable()
        local rounded = (x + y:to(dtype)):to("f32"):totable()
        y:add_(x)
        assert.equal("f32", y:dtype())
        assert.same(sum, y:totable())
        x:add_(input({ 4 }, 2))
        assert.equal(dtype, x:dtype())
        assert.same(rounded, x:to("f32"):totable())
        x:copy_(y)
        assert.equal(dtype, x:dtype())
        assert.same(y:to(dtype):to("f32"):totable(), x:to("f32"):totable())
        local a = input({ 4 }, 3):requires_grad()
        local z = moon.zeros(4, { dtype = dtype })
        z:add_(a, 2)
        z:to("f32"):sum():backward()
        assert.equal("f32", a.grad:dtype())
        assert.same({ 2, 2, 2, 2 }, a.grad:totable())
        local ids = moon.zeros(4, { dtype = "i64" })
        assert.error_matches(function() x:add_(ids) end,
                             "add_: " .. dtype .. " and i64; cast one")
        assert.error_matches(function() ids:add_(x) end,
                             "add_: i64 and " .. dtype .. "; cast one")
      end)
    end)

    it("is cast by hand outside", function()
      local x, y = half({ 4 }, 1, "bf16"), input({ 4 }, 2)
      assert.error_matches(function() return x + y end,
                           "add: bf16 and f32; cast one")
      assert.error_matches(function() x:add_(y) end,
                           "add_: bf16 and f32; cast one")
      assert.equal("bf16", x:sum():dtype())
      assert.equal("bf16", x:exp():dtype())
    end)
  end)
end)
