-- moon.autocast on a GPU: gradients and training of a network.
local gpu = require "support.gpu"
local moon = require "moonseed"
local nn = require "moonseed.nn"
local op = require "support.op"
local optim = require "moonseed.optim"
local uv = require "luv"
local it = gpu.it

local halves = { "bf16", "f16" }

local function input(shape, salt)
  return op.tensor(op.values(shape, salt), shape, "f32", "cuda:0")
end

gpu.describe("autocast on a GPU and the graph", function()
  local function model()
    moon.manual_seed(3)
    return nn.Sequential{
      nn.Conv2d{ 3, 8, kernel = 3, padding = 1, bias = false },
      nn.BatchNorm2d{ 8 }, nn.ReLU{}, nn.MaxPool2d{ 2 },
      nn.Residual{ nn.Sequential{
        nn.Conv2d{ 8, 8, kernel = 3, padding = 1, bias = false },
        nn.BatchNorm2d{ 8 }, nn.ReLU{} } },
      nn.GlobalAvgPool2d{}, nn.Linear{ 8, 5 } }
  end

  local function batch(n)
    local labels = {}
    for i = 1, n do labels[i] = i % 5 end
    return input({ n, 3, 8, 8 }, 7),
           moon.tensor(labels, { dtype = "i64" })
  end

  -- Gradients of all parameters, by name.
  local function gradients(net, x, y, dtype, inside)
    for _, p in net:parameters() do p.grad = nil end
    local function forward()
      local loss = nn.cross_entropy(net(x), y)
      assert.equal("f32", loss:dtype())
      if inside then loss:backward() end
      return loss
    end
    local loss = dtype and moon.autocast(dtype, forward) or forward()
    if not inside then loss:backward() end
    local list = {}
    for name, p in net:parameters() do
      assert.equal("f32", p:dtype())
      assert.equal("f32", p.grad:dtype())
      list[name] = op.flat(p.grad)
    end
    return list, loss:item()
  end

  it("has a network's gradients, near those of f32", function()
    local net = model()
    local x, y = batch(16)
    local exact, loss = gradients(net, x, y)
    for _, dtype in ipairs(halves) do
      local got, near = gradients(net, x, y, dtype)
      assert.is_true(math.abs(loss - near) < 1e-2 * loss)
      for name, list in pairs(exact) do
        op.assert_near(list, got[name], 1e-2, dtype .. " " .. name)
      end
    end
  end)

  it("has a weight's gradient that lies like the weight", function()
    local w = input({ 8, 4, 3, 3 }, 2):requires_grad()
    local x = input({ 2, 4, 6, 6 }, 1):requires_grad()
    moon.autocast("bf16", function() return moon.conv2d(x, w) end)
      :sum():backward()
    for _, t in ipairs{ w, x } do  -- rows are not copied
      assert.equal(t.grad, t.grad:contiguous())
    end
  end)

  it("has the same gradients wherever they are computed", function()
    local net = model()
    local x, y = batch(8)
    assert.same(gradients(net, x, y, "bf16"),
                gradients(net, x, y, "bf16", true))
  end)

  -- How often an op ran since `from`.
  local function count(name, from)
    local n = 0
    moon.synchronize()
    for _, span in ipairs(moon.streams():recent()) do
      if span.name == name and span.submit_ns >= from then n = n + 1 end
    end
    return n
  end

  it("casts each weight and the images once, and each gradient back",
     function()
    local net = model()
    local x, y = batch(4)
    gradients(net, x, y, "bf16")
    local from = uv.hrtime()
    local loss = moon.autocast("bf16", function()
      return nn.cross_entropy(net(x), y)
    end)
    -- The images, two filters, the mean over pixels, a weight and a bias.
    assert.equal(6, count("cast", from))
    from = uv.hrtime()
    loss:backward()
    -- The gradients of all but the images, and that of what the mean took.
    assert.equal(6, count("cast", from))
  end)

  it("computes again what it computed", function()
    moon.autocast("bf16", function()
      local w = input({ 4, 4 }, 2):requires_grad()
      local function fn(x) return moon.linear(x, w):tanh() end
      local x = input({ 3, 4 }, 1):requires_grad()
      local y = fn(x):sum()
      y:backward()
      local dx, dw = op.flat(x.grad), op.flat(w.grad)
      x.grad, w.grad = nil, nil
      local again = moon.recompute(fn, x):sum()
      assert.equal(y:item(), again:item())
      again:backward()
      assert.same(dx, op.flat(x.grad))
      assert.same(dw, op.flat(w.grad))
    end)
  end)

  it("is what fit trains in", function()
    local seen
    local net = nn.Sequential{ nn.Flatten{}, nn.Linear{ 64, 4 } }
    moon.train.fit{ net, train = moon.data.tensors{ input({ 8, 1, 8, 8 }, 1),
      moon.zeros(8, { dtype = "i64" }) }, autocast = "f16", quiet = true,
      optim = optim.SGD{ net, lr = 0.1, loss_scale = "dynamic" },
      loss = function(m, x, y)
        local logits = m(x)
        seen = logits:dtype()
        return nn.cross_entropy(logits, y)
      end }:await()
    assert.equal("f16", seen)
  end)

  for _, dtype in ipairs(halves) do
    it("trains in " .. dtype, function()
      local net = model()
      local x, y = batch(20)
      local opt = optim.SGD{ net, lr = 0.1, momentum = 0.9,
                             loss_scale = dtype == "f16" and "dynamic"
                                          or nil }
      local first, last
      for _ = 1, 25 do
        local loss = moon.autocast(dtype, function()
          return nn.cross_entropy(net(x), y)
        end)
        opt:zero_grad()
        opt:scale(loss):backward()
        opt:step()
        last = loss:item()
        first = first or last
      end
      assert.is_true(last < 0.7 * first, first .. " " .. last)
      for name, t in pairs(opt:state()) do
        assert.is_true(t:dtype() == "f32" or t:dtype() == "f64", name)
      end
      for _, p in net:parameters() do assert.equal("f32", p:dtype()) end
    end)
  end
end)
