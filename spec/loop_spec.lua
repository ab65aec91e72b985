-- The loop: it goes on while work is done, and waits where Lua can wait.
local capture = require "support.capture"
local task = require "support.task"
local ticks = require "support.ticks"
local ffi = require "ffi"
local moon = require "moonseed"
local uv = require "luv"
local core = require "moonseed.ffi"
local runtime = require "moonseed.runtime"

local function fails(pattern, fn, ...)
  local ok, why = pcall(fn, ...)
  assert.is_false(ok, "no error")
  assert.matches(pattern, tostring(why))
end

-- Convolutions in a row that keep the device busy for at least `ms`, and a
-- parameter that all of them use.
local function long(ms)
  local x = moon.randn(16, 32, 32, 32)
  local w = (moon.randn(32, 32, 3, 3) * 0.05):detach():requires_grad()
  local function run(n)
    local y = x
    for _ = 1, n do y = moon.conv2d(y, w, nil, { padding = 1 }) end
    return y
  end
  run(1):await()
  local start = uv.hrtime()
  run(4):await()
  local each = (uv.hrtime() - start) / 4e6
  return run(math.ceil(ms / each)), w
end

describe("a long op", function()
  it("is not ready when its call returns", task(function()
    local y = long(100)
    assert.is_false(y:is_ready())
    assert.is_true(y:await():is_ready())
  end))

  it("is followed by a backward that was called before it ended",
     task(function()
    local x = moon.randn(16, 32, 32, 32)
    local w = moon.randn(32, 32, 3, 3):requires_grad()
    local y = moon.conv2d(x, w, nil, { padding = 1 })
    y:sum():backward()
    local grad = w.grad:clone():await()
    w.grad = nil
    y = moon.conv2d(x, w, nil, { padding = 1 }):await()
    y:sum():await():backward()
    assert.same(grad:totable(), w.grad:totable())
  end))

  it("lets a timer tick, also during its backward", task(function()
    ticks.assert_kept(function()
      local y, w = long(300)
      y:mean():backward()
      w.grad:await()
    end, 5)
  end))

  it("costs the loop's thread little time of its own", task(function()
    local clock = ffi.new "int64_t[2]"
    local y = long(500)
    local function cpu()  -- CLOCK_THREAD_CPUTIME_ID
      ffi.C.clock_gettime(3, clock)
      return tonumber(clock[0]) * 1e3 + tonumber(clock[1]) / 1e6
    end
    local before, start = cpu(), uv.hrtime()
    y:await()
    local elapsed = (uv.hrtime() - start) / 1e6
    assert.is_true(elapsed > 100)
    assert.is_true(cpu() - before < 0.05 * elapsed)
  end))

  ffi.cdef "int clock_gettime(int clock, int64_t *time);"
end)

describe("a loop that reads nothing", function()
  it("keeps the timer and bounded memory", task(function()
    local pace = require "moonseed.pace"
    local x = moon.randn(8, 16, 32, 32)
    local w = moon.randn(16, 16, 3, 3):requires_grad()
    local before, most = moon.stats().live_bytes, 0
    ticks.assert_kept(function()
      for _ = 1, 150 do
        local y = moon.conv2d(x, w, nil, { padding = 1 })
        w.grad = nil
        y:mean():backward()
        pace.step()
        most = math.max(most, moon.stats().live_bytes)
      end
    end, 5)
    assert.is_true(most - before < 300e6, most - before)
  end))

  it("does not run far ahead of the device", task(function()
    local pace = require "moonseed.pace"
    local x = moon.randn(8, 32, 32, 32)
    local w = moon.randn(32, 32, 3, 3)
    local function step() x = moon.conv2d(x, w, nil, { padding = 1 }) * 0.01 end
    moon.synchronize()
    for _ = 1, 20 do
      step()
      pace.step()
      assert.is_true(moon.stats().in_flight <= 2 * 5)
    end
  end))
end)

describe("a read", function()
  it("outside a task runs the loop until the value is there", function()
    local seen = false
    local timer = uv.new_timer()
    timer:start(0, 0, function() seen = true end)
    moon.spawn(function() moon.sleep(1) end)
    assert.equal(16, moon.ones(4, 4):sum():item())
    moon.sleep(2)
    timer:close()
    assert.is_true(seen)
  end)

  it("in a task lets the others run", task(function()
    local order = {}
    local other = moon.spawn(function() order[#order + 1] = "other" end)
    long(30):await()
    order[#order + 1] = "read"
    other:await()
    assert.same({ "other", "read" }, order)
  end))

  it("in a luv callback is an error that names moon.spawn", task(function()
    local x, why = moon.ones(2):sum(), nil
    local timer = uv.new_timer()
    timer:start(0, 0, function()
      why = select(2, pcall(x.item, x))
      moon.spawn(function() x:fill_(9) end)
    end)
    moon.sleep(5)
    timer:close()
    assert.matches("waiting for a tensor in a luv callback", why)
    assert.matches("moon.spawn", why)
    assert.equal(9, x:item())
  end))

  it("inside a C function blocks, and is counted", task(function()
    local before = moon.stats().blocked_waits
    local list = { 2, 1 }
    table.sort(list, function(a, b)
      long(20):await()
      return a < b
    end)
    assert.same({ 1, 2 }, list)
    assert.is_true(moon.stats().blocked_waits > before)
  end))

  it("in print and tostring blocks nothing", task(function()
    local before = moon.stats().blocked_waits
    local text = capture.written(print, (long(20):sum() * 0):abs(), 3, nil)
    assert.equal("0  scalar f32 " .. moon.device() .. "\t3\tnil\n", text)
    assert.equal(before, moon.stats().blocked_waits)
  end))

  it("of a task inside a C function is an error", task(function()
    fails("waiting for a task inside a C function", function()
      local child = moon.spawn(function() end)
      table.sort({ 2, 1 }, function(a, b) child:await() return a < b end)
    end)
  end))
end)

describe("an await inside a generator", function()
  it("keeps other tasks from resuming it meanwhile", task(function()
    local g = coroutine.wrap(function()
      for i = 1, 3 do
        moon.sleep(2)
        coroutine.yield(i)
      end
    end)
    local first = moon.spawn(function() return g(), g() end)
    local second = moon.spawn(function() return pcall(g) end)
    assert.same({ false, "cannot resume a coroutine that waits in another "
                         .. "task" }, { second:await() })
    assert.same({ 1, 2 }, { first:await() })
    assert.equal(3, g())
  end))

  it("passes through to the task", task(function()
    local ticked = 0
    local other = moon.spawn(function()
      for _ = 1, 3 do
        ticked = ticked + 1
        moon.sleep(1)
      end
    end)
    local values = {}
    for v in coroutine.wrap(function()
      for i = 1, 3 do
        moon.sleep(2)
        coroutine.yield((moon.ones(2) * i):sum():item())
      end
    end) do
      values[#values + 1] = v
    end
    other:await()
    assert.same({ 2, 4, 6 }, values)
    assert.equal(3, ticked)
  end))

  it("passes through generators of generators", task(function()
    local inner = coroutine.wrap(function()
      for i = 1, 2 do
        moon.sleep(1)
        coroutine.yield(i)
      end
    end)
    local outer = coroutine.wrap(function()
      for v in inner do
        coroutine.yield(10 * v, moon.tensor{ v }:item())
      end
    end)
    assert.same({ 10, 1 }, { outer() })
    assert.same({ 20, 2 }, { outer() })
  end))

  it("works outside tasks, too", function()
    local v = coroutine.wrap(function()
      coroutine.yield(moon.ones(3):sum():item())
    end)()
    assert.equal(3, v)
  end)

  it("keeps what coroutine.resume returns", task(function()
    local co = coroutine.create(function(a)
      moon.sleep(1)
      local b = coroutine.yield(a + 1)
      error("no " .. b, 0)
    end)
    assert.same({ true, 2 }, { coroutine.resume(co, 1) })
    assert.same({ false, "no x" }, { coroutine.resume(co, "x") })
    assert.equal("dead", coroutine.status(co))
    assert.is_false((coroutine.resume(co)))
  end))
end)

describe("Ctrl-C", function()
  local function interrupt()
    core.C.moon_interrupt_raise(runtime.handle)
  end

  it("ends a compiled loop of ops", function()
    local a, n = moon.randn(4, 4), 0
    fails("loop_spec.lua:%d+: interrupted.*stack traceback", moon.main,
          function()
      while true do
        a = a * 1
        n = n + 1
        if n == 1000 then interrupt() end
      end
    end)
    assert.equal(1000, n)
  end)

  it("ends a wait of moon.main and cancels its children", function()
    local child
    fails("interrupted", moon.main, function()
      child = moon.spawn(function() moon.sleep(1e6) end)
      moon.spawn(function() moon.sleep(1) interrupt() end)
      moon.sleep(1e6)
    end)
    assert.is_true(child.cancelled)
  end)

  it("can be caught, and the next op works", task(function()
    fails("interrupted", function()
      interrupt()
      moon.sleep(1e6)
    end)
    assert.equal(1, moon.ones(1):item())
  end))
end)

describe("a deadlock", function()
  it("is an error that names the tasks and what they wait for", function()
    fails("deadlock: all tasks wait and nothing is in flight: "
          .. "task 'a' waits for task 'b'; task 'b' waits for task 'a'; "
          .. "task 'main' waits for", moon.main, function()
      local a, b
      a = moon.spawn(function() moon.yield() b:await() end, { name = "a" })
      b = moon.spawn(function() a:await() end, { name = "b" })
      a:await()
    end)
  end)
end)

describe("a wake that comes too late", function()
  it("does nothing to a task that has ended", task(function()
    local late = moon.spawn(function() return 1 end)
    assert.equal(1, late:await())
    require("moonseed.loop").wake(late)
    moon.sleep(2)
    assert.equal(2, moon.spawn(function() return 2 end):await())
  end))
end)
