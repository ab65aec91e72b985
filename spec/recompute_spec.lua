-- moon.recompute: no activations are kept, and nothing is different for it.
local bits = require "support.bits"
local gardens = require "support.garden"
local moon = require "moonseed"
local norm = require "moonseed.seed.norm"
local Residual = require "moonseed.seed.residual"
local task = require "support.task"
local nn = moon.nn

local function fails(pattern, fn, ...)
  local ok, why = pcall(fn, ...)
  assert.is_false(ok, "no error")
  assert.matches(pattern, tostring(why))
end

local function plainly(fn, ...) return fn(...) end

-- Weights, buffers, gradients and the next random numbers, as text.
local function trace_of(model)
  local parts = {}
  for name, t in pairs(model:state()) do
    parts[#parts + 1] = name .. bits.of(t)
  end
  for name, p in model:parameters() do
    parts[#parts + 1] = name .. ".grad" .. (p.grad and bits.of(p.grad) or "")
  end
  table.sort(parts)
  parts[#parts + 1] = bits.of(moon.rand(3))
  return table.concat(parts, "\n")
end

describe("moon.recompute", function()
  local function block(x, w)
    return moon.dropout(x:matmul(w):relu(), 0.5):matmul(w)
  end

  local function run(use, x, w)
    moon.manual_seed(3)
    x.grad, w.grad = nil, nil
    local before = (w * w):sum()
    local y = use(function(t) return block(t, w) end, x);
    ((y * y):sum() + before + (w * 3):sum()):backward()
    return x.grad:totable(), w.grad:totable()
  end

  it("gives the bits of the plain forward and backward, for arguments and"
     .. " for parameters inside", task(function()
    local x = moon.randn(3, 4):requires_grad()
    local w = moon.randn(4, 4):requires_grad()
    local dx, dw = run(function(f, t) return f(t) end, x, w)
    local dx2, dw2 = run(moon.recompute, x, w)
    assert.same(dx, dx2)
    assert.is_true(moon.allclose(moon.tensor(dw), moon.tensor(dw2)))
  end))

  it("reaches parameters when no argument needs a gradient", task(function()
    local w = moon.ones(2, 2):requires_grad()
    moon.recompute(function(x) return x:matmul(w) end, moon.ones(1, 2))
      :sum():backward()
    assert.same({ { 1, 1 }, { 1, 1 } }, w.grad:totable())
  end))

  it("gives what its function returns as it is: an argument, a parameter",
     task(function()
    local x, w = moon.ones(2):requires_grad(), moon.ones(2):requires_grad()
    for _ = 1, 2 do
      moon.recompute(function(t) return t end, x):sum():backward()
      moon.recompute(function() return w end, x):sum():backward()
    end
    assert.same({ 2, 2 }, x.grad:totable())
    assert.same({ 2, 2 }, w.grad:totable())
  end))

  it("refuses a backward when an argument was changed in place",
     task(function()
    local x = moon.ones(2):requires_grad()
    local y = moon.recompute(function(t) return t * t end, x):sum()
    moon.no_grad(function() x:fill_(100) end)
    fails("a tensor 2 that recompute needs was changed in place", y.backward,
          y)
  end))

  it("refuses a function that gives more than one tensor", task(function()
    fails("recompute: forward returns one tensor, not 2 values",
          moon.recompute, function(t) return t, t end, moon.ones(1))
  end))

  it("keeps no activations", task(function()
    local w = moon.randn(64, 64):requires_grad()
    local x = moon.randn(64, 64)
    local function deep(t)
      for _ = 1, 20 do t = (t:matmul(w) * 0.01):relu() end
      return t
    end
    local function held(use)
      collectgarbage()
      collectgarbage()
      local before = moon.stats().live_bytes
      local y = use(deep, x)
      collectgarbage()
      collectgarbage()
      return y and moon.stats().live_bytes - before
    end
    local plain = held(function(f, t) return f(t) end)
    assert.is_true(held(moon.recompute) < plain / 5)
  end))

  it("moves running statistics once, and draws the same random numbers",
     task(function()
    local function trace(use)
      moon.manual_seed(3)
      local model = nn.Sequential{
        nn.Conv2d{ 1, 4, kernel = 3 }, nn.BatchNorm2d{ 4 }, nn.ReLU{},
        nn.Dropout{ 0.3 }, nn.GlobalAvgPool2d{}, nn.Linear{ 4, 3 } }
      for _ = 1, 3 do
        local x, y = moon.randn(8, 1, 6, 6), moon.randint(0, 3, 8)
        for _, p in model:parameters() do p.grad = nil end
        nn.cross_entropy(use(model, x), y):backward()
      end
      return trace_of(model)
    end
    assert.is_true(trace(plainly) == trace(moon.recompute))
  end))

  it("may wait, forward and again, while others draw random numbers",
     task(function()
    local w, draws = moon.ones(4):requires_grad(), 0
    local function waiting(x)
      local y, before = moon.dropout(x * w, 0.5), draws
      while draws == before do moon.sleep(1) end
      if y:sum():item() > -1 then y = y * moon.rand(4) end
      return y
    end
    local function drawn(use)
      moon.manual_seed(5)
      w.grad = nil
      local done = false
      local other = moon.spawn(function()
        while not done do
          moon.rand(1)
          draws = draws + 1
          moon.sleep(1)
        end
      end)
      local y = use(waiting, moon.ones(4))
      y:sum():backward()
      done = true
      other:await()
      return bits.of(y) .. bits.of(w.grad) .. bits.of(moon.rand(2))
    end
    assert.is_true(drawn(plainly) == drawn(moon.recompute))
  end))

  it("may gather tasks that draw random numbers of their own", task(function()
    local w = moon.ones(6):requires_grad()
    local function gathering(x)
      local a, b = moon.gather(
        function() return moon.dropout(x * w, 0.5) end,
        function() return moon.dropout(x * w, 0.5) * 2 end)
      return a + b
    end
    local function drawn(use)
      moon.manual_seed(5)
      w.grad = nil
      use(gathering, moon.ones(6)):sum():backward()
      return bits.of(w.grad) .. bits.of(moon.rand(2))
    end
    assert.is_true(drawn(plainly) == drawn(moon.recompute))
  end))

  it("may be nested", task(function()
    local w = moon.ones(5):requires_grad()
    local function inner(x) return moon.dropout(x * w, 0.5) end
    local function drawn(use)
      moon.manual_seed(6)
      w.grad = nil
      use(function(x)
        return moon.dropout(use(inner, x), 0.5) + use(inner, x * 2)
      end, moon.ones(5)):sum():backward()
      return bits.of(w.grad) .. bits.of(moon.rand(2))
    end
    assert.is_true(drawn(plainly) == drawn(moon.recompute))
  end))

  it("leaves the generators of seeds alone: a model with a garden in it",
     task(function()
    moon.seed.blueprint("noisy", { build = function(shape)
      local n = shape[2]
      return Residual{ nn.Conv2d{ n, n, kernel = 1 }, nn.Dropout{ 0.5 },
                       norm(n) }
    end })
    local function trace(use)
      moon.manual_seed(4)
      local r = gardens.run()
      gardens.grow(r, "HOLDING", "noisy")
      for _ = 1, 3 do
        local x, y = moon.randn(8, 1, 8, 8), moon.randint(0, 4, 8)
        r.opt:zero_grad()
        nn.cross_entropy(use(r.model, x), y):backward()
        r.opt:step()
      end
      r.garden:close()
      return trace_of(r.model)
    end
    assert.is_true(trace(plainly) == trace(moon.recompute))
  end))
end)
