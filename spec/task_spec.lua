-- Tasks: spawn, await, gather, and the scope that a task is for its children.
local capture = require "support.capture"
local task = require "support.task"
local moon = require "moonseed"
local uv = require "luv"

local function fails(pattern, fn, ...)
  local ok, why = pcall(fn, ...)
  assert.is_false(ok, "no error")
  assert.matches(pattern, tostring(why))
end

describe("moon.main", function()
  it("in a luv callback is an error that names moon.spawn", task(function()
    local why
    local timer = uv.new_timer()
    timer:start(0, 0, function()
      why = select(2, pcall(moon.main, function() end))
    end)
    while not why do moon.sleep(1) end
    timer:close()
    assert.matches("waiting for a task in a luv callback.*moon.spawn", why)
  end))

  it("runs a task to its end and returns its results", function()
    assert.same({ 1, nil, 3 }, { moon.main(function(a)
      moon.sleep(1)
      return a, nil, 3
    end, 1) })
  end)

  it("raises the task's error with its traceback", function()
    fails("task_spec.lua:%d+: deep\nstack traceback:.*in function 'f'",
          moon.main, function()
      local function f()
        moon.sleep(1)
        error "deep"
      end
      moon.no_grad(function() f() end)
    end)
  end)

  it("raises an error that is no string as it is", function()
    local e = {}
    local ok, why = pcall(moon.main, function() error(e) end)
    assert.is_false(ok)
    assert.equal(e, why)
  end)

  it("in a task is a child", task(function()
    assert.equal(2, moon.main(function() return 2 end))
  end))
end)

describe("spawn and await", function()
  it("give what the function returned, as often as asked", task(function()
    local t = moon.spawn(function() return 1, nil, "x" end)
    assert.is_false(t:is_ready())
    assert.same({ 1, nil, "x" }, { t:await() })
    assert.same({ 1, nil, "x" }, { t:await() })
    assert.is_true(t:is_ready())
  end))

  it("give the function's error", task(function()
    local t = moon.spawn(function() error "broken" end)
    fails("task_spec.lua:%d+: broken", t.await, t)
  end))

  it("run tasks in the order of their spawn", task(function()
    local order, tasks = {}, {}
    for i = 1, 5 do
      tasks[i] = moon.spawn(function()
        order[#order + 1] = i
        moon.yield()
        order[#order + 1] = 10 * i
      end)
    end
    moon.gather(unpack(tasks))
    assert.same({ 1, 2, 3, 4, 5, 10, 20, 30, 40, 50 }, order)
  end))

  it("work from the main chunk", function()
    local t = moon.spawn(function()
      moon.sleep(1)
      return moon.ones(2):sum():item()
    end)
    assert.equal(2, t:await())
  end)

  it("refuse a task that awaits itself", task(function()
    local t
    t = moon.spawn(function() t:await() end)
    fails("awaits itself", t.await, t)
  end))

  it("refuse what cannot be called", function()
    fails("spawn: its argument is a function, not number", moon.spawn, 1)
  end)

  it("refuse options that there are not", function()
    fails("spawn: the options is a table, not number", moon.spawn, print, 5)
    fails("spawn: no option 'title' %(known: name, of_program, same_stream%)",
          moon.spawn,
          print, { title = "x" })
    fails("spawn: name is a string, not number", moon.spawn, print,
          { name = 5 })
  end)

  it("refuse a coroutine.yield of the task itself", function()
    fails("moon.yield%(%) gives way", moon.main, function()
      coroutine.yield(1)
    end)
  end)
end)

describe("gather", function()
  it("returns the first result of each", task(function()
    local p, q = moon.gather(function() moon.sleep(2) return "p", "?" end,
                             function() return "q" end)
    assert.same({ "p", "q" }, { p, q })
  end))

  it("takes tasks, too", task(function()
    local t = moon.spawn(function() return 1 end)
    assert.same({ 1, 2 }, { moon.gather(t, function() return 2 end) })
  end))

  it("raises the first error in the order of its arguments, once all have"
     .. " ended", task(function()
    local ended = false
    fails("first", moon.gather, function()
      moon.sleep(3)
      ended = true
      error "first"
    end, function() error "second" end)
    assert.is_true(ended)
  end))

  it("runs branches forward and backward as one after the other does",
     task(function()
    local w = moon.randn(32, 32):requires_grad()
    local x = moon.randn(64, 32)
    local function f() return x:matmul(w):relu() end
    local function g() return x:matmul(w:t()):exp() end
    (f() + g()):sum():backward()
    local expected = w.grad:totable()
    w.grad = nil
    local p, q = moon.gather(f, g);
    (p + q):sum():backward()
    assert.same(expected, w.grad:totable())
  end))
end)

describe("a task that ends", function()
  it("waits for its children", task(function()
    local done = false
    moon.spawn(function()
      moon.spawn(function()
        moon.sleep(5)
        done = true
      end)
    end):await()
    assert.is_true(done)
  end))

  it("by an error cancels its children", task(function()
    local child
    local parent = moon.spawn(function()
      child = moon.spawn(function() moon.sleep(1e6) end)
      moon.sleep(1)
      error "parent"
    end)
    fails("parent", parent.await, parent)
    assert.is_true(child.cancelled)
    assert.is_true(child.done)
  end))

  it("prints the errors of children that nobody awaited", function()
    local text = capture.stderr(function()
      moon.main(function()
        moon.spawn(function() error "unseen" end, { name = "sad" })
        local seen = moon.spawn(function() error "seen" end)
        pcall(seen.await, seen)
      end)
    end)
    assert.matches("task 'sad' failed, and nobody awaited it: .*unseen", text)
    assert.matches("stack traceback", text)
    assert.not_matches("seen: seen", text)
    assert.equal(1, select(2, text:gsub("nobody awaited", "")))
  end)

  it("prints it earlier when nobody can await it any more", function()
    local text
    moon.main(function()
      text = capture.stderr(function()
        moon.spawn(function() error "lost" end)
        moon.sleep(1)
        collectgarbage()
        collectgarbage()
      end)
    end)
    assert.matches("nobody awaited it: .*lost", text)
  end)

  it("prints errors that came after the wait for it was given up", function()
    local text = capture.stderr(function()
      moon.main(function()
        local t = moon.spawn(function() moon.sleep(5) error "too late" end)
        pcall(moon.timeout, 1, function() t:await() end)
      end)
    end)
    assert.matches("nobody awaited it: .*too late", text)
  end)

  it("keeps nothing of its function alive", task(function()
    local before = moon.stats().live_tensors
    local t
    do
      local outer = moon.ones(10)
      t = moon.spawn(function()
        local inner = outer * 1
        moon.sleep(1)
        return inner:sum():item()
      end)
      t:await()
    end
    jit.flush()
    collectgarbage()
    collectgarbage()
    assert.equal(before, moon.stats().live_tensors)
    assert.equal(10, t:await())
  end))
end)

describe("sleep and yield", function()
  -- When a sleep ends follows from when it began, which another program may
  -- put off; so the moments are noted, not assumed.
  it("wake sleepers in the order of their times", task(function()
    local due, tasks = {}, {}
    for i, ms in ipairs{ 12, 4, 8, 0 } do
      tasks[i] = moon.spawn(function()
        local at = uv.hrtime() / 1e6 + ms
        moon.sleep(ms)
        due[#due + 1] = at
      end)
    end
    moon.gather(unpack(tasks))
    for i = 2, 4 do assert.is_true(due[i - 1] < due[i] + 1) end
  end))

  it("wakes at once when the time passed while others ran", task(function()
    local long = moon.spawn(function() moon.sleep(3000) end)
    local start = uv.hrtime()
    moon.spawn(function()
      while uv.hrtime() - start < 5e6 do end
    end)
    moon.sleep(1)
    assert.is_true(uv.hrtime() - start < 1e9)
    long:cancel()
  end))

  it("refuse times that are none", function()
    fails("sleep: the time is a number, not string", moon.sleep, "1")
    fails("sleep: the time is at least 0 ms, not %-1 ms", moon.sleep, -1)
    fails("sleep: the time is at least 0 ms, not %-?nan ms", moon.sleep, 0 / 0)
    fails("sleep: the time has an end, not inf ms", moon.sleep, math.huge)
    fails("timeout: the time is at least 0 ms, not %-5 ms", moon.timeout, -5,
          print)
    fails("timeout: the time is at least 0 ms, not %-?nan ms", moon.timeout,
          0 / 0, print)
  end)

  it("go on while others have all the time there is", task(function()
    local function nap()
      moon.sleep(1)
      return 7
    end
    assert.equal(7, moon.timeout(math.huge, nap))
    assert.equal(7, moon.timeout(1e300, nap))
    local long = moon.spawn(function() moon.sleep(1e300) end)
    moon.sleep(1)
    assert.is_false(long.done)
    long:cancel()
  end))

  it("gives way to tasks that are ready", task(function()
    local ran = false
    moon.spawn(function() ran = true end)
    moon.yield()
    assert.is_true(ran)
  end))
end)

describe("timeout", function()
  it("refuses what cannot be called", function()
    fails("timeout: its second argument is a function, not nothing",
          moon.timeout, 5)
  end)
end)

describe("grad_scope", function()
  it("returns when every gradient made inside is complete", task(function()
    local w = moon.randn(256, 256):requires_grad()
    local x = moon.randn(256, 256)
    local loss = moon.grad_scope(function()
      local y = x:matmul(w):relu():matmul(w):sum()
      y:backward()
      return y
    end)
    assert.is_true(w.grad:is_ready())
    assert.is_true(loss:is_ready())
  end))

  it("raises if a task escapes it", task(function()
    local escaped
    fails("grad_scope: task 'late' has not ended", moon.grad_scope, function()
      escaped = moon.spawn(function() moon.sleep(1) end, { name = "late" })
    end)
    escaped:await()
  end))

  it("raises the error of a loss that failed", task(function()
    local logits = moon.randn(2, 3):requires_grad()
    local labels = moon.tensor({ 0, 5 }, { dtype = "i64" })
    fails("cross_entropy: label 5", moon.grad_scope, function()
      moon.cross_entropy(logits, labels):backward()
    end)
  end))
end)
