-- Near the memory limit: calls collect, wait and are tried again, and nobody
-- sees more of that than the time it takes.

local moon = require "moonseed"
local bits = require "support.bits"
local task = require "support.task"
local nn = moon.nn

-- Runs fn with this many bytes more than what is live.
local function with_room(nbytes, fn)
  local limit = moon.stats().limit_bytes
  moon.synchronize()
  collectgarbage()
  collectgarbage()
  moon.set_memory_limit(moon.stats().live_bytes + nbytes)
  local ok, why = pcall(fn)
  moon.set_memory_limit(limit)
  if not ok then error(why, 0) end
end

-- gradients(starve) gives the same bits whatever memory it has after starve():
-- some of these limits fail between any two calls, and what failed collects.
local function same_at_every_limit(gradients)
  local wanted = gradients(function() end)
  for quarter = 0, 20 do
    with_room(64 * 2 ^ 20, function()
      local ok, got = pcall(gradients, function()
        moon.synchronize()
        collectgarbage()
        collectgarbage()
        collectgarbage "stop"  -- only the failed call does
        moon.full({ 2 ^ 23 }, 1)  -- dropped
        moon.set_memory_limit(moon.stats().live_bytes + quarter * 2 ^ 18)
      end)
      collectgarbage "restart"
      assert.is_true(ok, got)
      assert.is_true(wanted == got)
    end)
  end
end

describe("near the memory limit", function()
  it("temporaries keep their values while a call is tried again",
     task(function()
    with_room(40e6, function()
      collectgarbage "stop"  -- only the failed calls collect
      local ok, why = pcall(function()
        for i = 1, 60 do
          local x = moon.full({ 512 * 1024 }, i):to "f64"
          assert.equal(i, x:min():item())
          local y = moon.stack{ moon.full({ 512 * 1024 }, i),
                                moon.full({ 512 * 1024 }, i) }
          assert.equal(i, y:max():item())
        end
      end)
      collectgarbage "restart"
      if not ok then error(why, 0) end
    end)
  end))

  it("a loop that only reads finds the memory that it dropped",
     task(function()
    local model = nn.Sequential{ nn.Linear{ 128, 512 }, nn.ReLU{} }
    local x, y = moon.randn(1024, 128), moon.zeros(1024, { dtype = "i64" })
    local function loss()
      return nn.cross_entropy(model(x):softmax(2), y):item()
    end
    local wanted = loss()
    with_room(12e6, function()
      for _ = 1, 60 do assert.equal(wanted, loss()) end
    end)
  end))

  it("a call that waits is not given another task's arguments",
     task(function()
    local x, y = moon.ones(2, 2 ^ 20), moon.ones(3, 4, 5)
    moon.synchronize()
    with_room(moon.stats().cached_bytes + 34 * 2 ^ 20, function()
      local sum
      moon.gather(function()
        local z = moon.full({ 16, 32, 128, 128 }, 1)  -- 32 MiB, soon dropped
        for _ = 1, 6 do z:sum() end
        for _ = 1, 30 do z:copy_(z) end
        z = nil  -- luacheck: ignore
        sum = x:sum(1)
      end, function() y:sum(2) end)
      assert.same({ 2 ^ 20 }, sum:shape())
    end)
  end))

  it("a backward waits for memory that work in flight has", task(function()
    local x, w = moon.randn(256, 256), moon.randn(256, 256):requires_grad()
    local function gradient(disturb)
      w.grad = nil
      local loss = x:matmul(w):matmul(w):matmul(w):sum() + (w * w):sum()
      if disturb then disturb() end
      loss:backward()
      return bits.of(w.grad)
    end
    local wanted = gradient()
    moon.synchronize()
    with_room(moon.stats().cached_bytes + 34 * 2 ^ 20, function()
      for _ = 1, 3 do
        assert.is_true(wanted == gradient(function()
          local z = moon.full({ 16, 32, 128, 126 }, 1)
          for _ = 1, 30 do z:copy_(z) end
          z = nil  -- luacheck: ignore
          collectgarbage()
          collectgarbage()
        end))
        moon.synchronize()
      end
    end)
  end))

  -- x.grad is a transposed sum, to which no kernel adds: its product needs
  -- memory, while w.grad's is added in place.
  it("a backward tried again adds no product twice", task(function()
    local x = moon.randn(1024, 512):requires_grad()
    local w = moon.randn(512, 64):requires_grad()
    local v = moon.randn(1024, 4)
    same_at_every_limit(function(starve)
      x.grad, w.grad = nil, nil
      local first = x:t():matmul(v):sum() + (w * 2):sum()
      first:backward()
      local loss = x:matmul(w):sum()
      starve()
      loss:backward()
      return bits.of(x.grad) .. bits.of(w.grad)
    end)
  end))

  -- The sum gives its gradient to u, then w's copy of it finds no memory.
  it("a backward tried again hands each gradient on once", task(function()
    local x = moon.randn(1024, 512):requires_grad()
    local w = moon.randn(1024, 512):requires_grad()
    same_at_every_limit(function(starve)
      x.grad, w.grad = nil, nil
      local u = x * 3
      local loss = (u * 2):sum() + (u + w):sum()
      starve()
      loss:backward()
      return bits.of(x.grad) .. bits.of(w.grad)
    end)
  end))
end)
