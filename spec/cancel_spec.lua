-- Cancelling and timeouts: what stops, what goes on, whose memory comes back.
local capture = require "support.capture"
local task = require "support.task"
local moon = require "moonseed"
local uv = require "luv"

local function fails(pattern, fn, ...)
  local ok, why = pcall(fn, ...)
  assert.is_false(ok, "no error")
  assert.matches(pattern, tostring(why))
end

local function live()
  moon.synchronize()
  collectgarbage()
  collectgarbage()
  local stats = moon.stats()
  return stats.live_bytes, stats.live_tensors
end

-- A long row of convolutions, awaited.
local function busy(n)
  local x, w = moon.randn(16, 32, 32, 32), moon.randn(32, 32, 3, 3) * 0.05
  for _ = 1, n do x = moon.conv2d(x, w, nil, { padding = 1 }) end
  x:await()
  return x
end

describe("cancelling", function()
  it("raises where the task waits", task(function()
    local why
    local t = moon.spawn(function()
      why = select(2, pcall(moon.sleep, 1e6))
      moon.sleep(0)
    end, { name = "victim" })
    moon.yield()
    t:cancel()
    fails("task 'victim' was cancelled", t.await, t)
    assert.matches("task 'victim' was cancelled", why)
    assert.is_true(t.cancelled)
  end))

  it("keeps a task from starting", task(function()
    local ran = false
    local t = moon.spawn(function() ran = true end)
    t:cancel()
    fails("was cancelled", t.await, t)
    assert.is_false(ran)
  end))

  it("reaches the whole tree", task(function()
    local ended = {}
    local function leaf(name)
      return function()
        local ok = pcall(moon.sleep, 1e6)
        ended[name] = not ok
        moon.sleep(0)
      end
    end
    local t = moon.spawn(function()
      moon.spawn(function() moon.gather(leaf "a", leaf "b") end)
      leaf "c"()
    end)
    moon.sleep(1)
    t:cancel()
    pcall(t.await, t)
    assert.same({ a = true, b = true, c = true }, ended)
  end))

  it("does nothing to a task that has ended", task(function()
    local t = moon.spawn(function() return 5 end)
    t:await()
    t:cancel()
    assert.equal(5, t:await())
  end))

  it("is not printed as an error that nobody awaited", task(function()
    assert.equal("", capture.stderr(function()
      moon.spawn(function()
        moon.spawn(function() moon.sleep(1e6) end):cancel()
      end):await()
    end))
  end))

  it("gives the memory of queued ops back, and does not run them",
     task(function()
    busy(1)
    local bytes, tensors = live()
    local start = uv.hrtime()
    busy(20)
    local whole = uv.hrtime() - start
    start = uv.hrtime()
    local t = moon.spawn(function() busy(200) end)
    moon.yield()
    t:cancel()
    pcall(t.await, t)
    local bytes_after, tensors_after = live()
    assert.equal(bytes, bytes_after)
    assert.equal(tensors, tensors_after)
    assert.is_true(uv.hrtime() - start < 8 * whole)
  end))

  it("of a running op drops its result", task(function()
    local bytes = live()
    local t = moon.spawn(function() busy(2) end)
    moon.sleep(1)
    t:cancel()
    pcall(t.await, t)
    assert.equal(bytes, (live()))
  end))

  it("of a tree of tasks gives all memory back", task(function()
    local bytes, tensors = live()
    local t = moon.spawn(function()
      local mine = moon.zeros(1000)
      moon.gather(function() busy(50) end, function() busy(50) end,
                  function() moon.sleep(1e6) end)
      mine:await()
    end)
    moon.sleep(2)
    t:cancel()
    pcall(t.await, t)
    local bytes_after, tensors_after = live()
    assert.equal(bytes, bytes_after)
    assert.equal(tensors, tensors_after)
  end))

  it("leaves other tasks' ops alone", task(function()
    local y
    local other = moon.spawn(function() y = moon.ones(100, 100) * 3 end)
    local t = moon.spawn(function() busy(50) end)
    moon.yield()
    t:cancel()
    pcall(t.await, t)
    other:await()
    assert.equal(30000, y:sum():item())
  end))
end)

describe("timeout", function()
  it("returns what the function returns in time", task(function()
    assert.same({ 1, 2 }, { moon.timeout(1000, function()
      moon.sleep(1)
      return 1, 2
    end) })
  end))

  it("raises the function's error", task(function()
    fails("mine", moon.timeout, 1000, function() error "mine" end)
  end))

  it("raises within 20% of its time, idle and beside busy workers",
     task(function()
    for _, fn in ipairs{ function() moon.sleep(1e6) end,
                         function() while true do busy(5) end end } do
      local best = math.huge
      for _ = 1, 3 do
        local start = uv.hrtime()
        fails("timeout: 200 ms have passed", moon.timeout, 200, fn)
        local ms = (uv.hrtime() - start) / 1e6
        assert.is_true(ms >= 199)
        best = math.min(best, ms)
        if best < 240 then break end
      end
      assert.is_true(best < 240, best)
    end
  end))

  it("leaves nothing behind", task(function()
    local bytes, tensors = live()
    pcall(moon.timeout, 20, function()
      local kept = moon.zeros(1000)
      busy(500)
      return kept
    end)
    local bytes_after, tensors_after = live()
    assert.equal(bytes, bytes_after)
    assert.equal(tensors, tensors_after)
  end))

  it("ends early when its task is cancelled", task(function()
    local t = moon.spawn(function()
      moon.timeout(1e6, function() moon.sleep(1e6) end)
    end)
    moon.sleep(1)
    t:cancel()
    fails("was cancelled", t.await, t)
  end))
end)
