-- Streams and events from Lua.
local task = require "support.task"
local moon = require "moonseed"
local uv = require "luv"

local function fails(pattern, fn, ...)
  local ok, why = pcall(fn, ...)
  assert.is_false(ok, "no error")
  assert.matches(pattern, tostring(why))
end

local function work(n)
  local x, w = moon.randn(8, 32, 16, 16), moon.randn(32, 32, 3, 3) * 0.05
  for _ = 1, n do x = moon.conv2d(x, w, nil, { padding = 1 }) end
  return x
end

describe("streams", function()
  it("are handed out round robin", task(function()
    local streams, seen = moon.streams(), {}
    local first = streams:next()
    local n = 0
    repeat
      local s = streams:next()
      n = n + 1
      assert.is_nil(seen[s:id()])
      seen[s:id()] = true
    until s == first
    assert.is_true(n > 1)
  end))

  it("carry what is submitted in moon.on", task(function()
    local s = moon.streams():next()
    local before = s:event()
    local y = moon.on(s, function()
      assert.equal(s, moon.stream())
      return work(2)
    end)
    assert.not_equal(before.point.sequence, s:event().point.sequence)
    s:synchronize()
    assert.is_true(y:is_ready())
  end))

  it("leave room for tasks, however many are leased", task(function()
    local function lease(n)
      return n == 0 or moon.streams():lease(function() return lease(n - 1) end)
    end
    assert.error_matches(function() lease(80) end,
                         "lease: %d+ streams are leased, and the others of 64")
    moon.gather(function() end, function() end)
    assert.is_true(lease(20))
    local path = os.tmpname()
    local function save(n)
      if n > 0 then
        return moon.streams():lease(function() return save(n - 1) end)
      end
      return moon.save(path, { x = moon.ones(1) }, { format = "safetensors" })
    end
    assert.is_true(save(30) > 0)
    os.remove(path)
  end))

  it("are leased exclusively", task(function()
    local streams = moon.streams()
    local inner
    local got = streams:lease(function(a)
      assert.equal(a, moon.stream())
      streams:lease(function(b)
        inner = b
        assert.not_equal(a, b)
      end)
      for _ = 1, 40 do assert.not_equal(a, streams:next()) end
      return a
    end)
    pcall(function() streams:lease(function() error "inside" end) end)
    streams:lease(function(again) assert.equal(got, again) end)
    assert.not_equal(got, inner)
  end))

  it("refuse another count once one was handed out", task(function()
    local streams = moon.streams()
    streams:next()
    fails("streams: .* already uses %d+ streams, cannot change to 3",
          streams.configure, streams, { count = 3 })
    fails("streams: count 99 is outside", streams.configure, streams,
          { count = 99 })
    fails("streams: no option 'n' %(known: count%)", streams.configure,
          streams, { n = 3 })
    fails("streams: count is missing", streams.configure, streams, {})
  end))

  it("tell what they did", task(function()
    local s = moon.streams():next()
    moon.on(s, function() return work(5) end):await()
    for _, row in ipairs(moon.streams():stats()) do
      if row.stream == s:id() then
        assert.is_true(row.ops >= 5)
        assert.equal(0, row.depth)
        assert.is_true(row.busy_ns > 0 and row.busy <= 1)
        assert.is_true(row.run_p50 <= row.run_p95 and row.run_p95
                       <= row.run_p99)
      end
    end
    local mine = 0
    for _, span in ipairs(moon.streams():recent(3)) do
      if span.stream == s:id() then
        mine = mine + 1
        assert.equal("conv2d", span.name)
        assert.equal("ok", span.status)
        assert.is_true(span.submit_ns <= span.start_ns)
        assert.is_true(span.start_ns <= span.end_ns)
      end
    end
    assert.equal(3, mine)
  end))

  -- The spans of one kind of op since `from`, with two threads.
  local function spans_of(name, from)
    local list = {}
    for _, span in ipairs(moon.streams():recent()) do
      if span.name == name and span.submit_ns >= from then
        list[#list + 1] = span
      end
    end
    return list
  end

  local function with_two_threads(fn)
    local threads = moon.threads()
    moon.set_threads(2)
    local ok, why = pcall(fn)
    moon.set_threads(threads)
    if not ok then error(why, 0) end
  end

  -- Whether both convolutions and their gradients overlapped on the clock.
  local function overlap()
    local x, from = moon.randn(16, 32, 28, 28), uv.hrtime()
    local w = { moon.randn(32, 32, 3, 3):requires_grad(),
                moon.randn(32, 32, 3, 3):requires_grad() }
    local function branch(i)
      return function() return moon.conv2d(x, w[i], nil, { padding = 1 }) end
    end
    local a, b = moon.gather(branch(1), branch(2))
    local sum = (a + b):sum()
    sum:backward()
    moon.synchronize()
    for _, name in ipairs{ "conv2d", "conv2d backward (w)" } do
      local first, second = unpack(spans_of(name, from))
      assert.not_equal(first.stream, second.stream)
      if first.start_ns >= second.end_ns or second.start_ns >= first.end_ns then
        return false
      end
    end
    return true
  end

  -- Other programs may take a core from a worker; not every time.
  it("of a layer's branches are busy at the same time, forward and backward",
     task(function()
    with_two_threads(function()
      local seen = false
      for _ = 1, 200 do seen = seen or overlap() end
      assert.is_true(seen)
    end)
  end))

  it("do not starve beside one that has much to do", task(function()
    with_two_threads(function()
      local streams, from = moon.streams(), uv.hrtime()
      local busy = streams:next()
      local last = moon.on(busy, function()
        local y = moon.randn(400, 400)
        for _ = 1, 100 do y = y:matmul(y) * 0.001 end
        return y
      end)
      for _ = 1, 6 do
        moon.on(streams:next(), function() return moon.zeros(1000):exp() end)
      end
      last:await()
      local ended
      for _, span in ipairs(streams:recent()) do
        if span.stream == busy:id() then
          ended = math.max(ended or 0, span.end_ns)
        end
      end
      local short = spans_of("exp", from)
      assert.equal(6, #short)
      for _, span in ipairs(short) do
        assert.is_true(span.end_ns < ended)
      end
    end)
  end))

  it("say whose kernel ran", task(function()
    local x, by = moon.rand(8, 8), {}
    x:exp()
    x:to("f64"):exp():await()  -- which the cpu leaves to ref
    for _, span in ipairs(moon.streams():recent(3)) do
      if span.name == "exp" and span.stream == moon.stream():id() then
        assert.equal("unary", span.kernel)
        by[#by + 1] = span.by
      end
    end
    assert.same({ "ref", "cpu" }, by)
  end))

  it("refuse what is no stream", function()
    fails("on: its first argument is a stream, not number", moon.on, 1,
          function() end)
    fails("on: its second argument is a function", moon.on, moon.stream())
    fails("no 'gpu'", moon.streams, "gpu")
  end)

  it("change no bit", task(function()
    local x, w = moon.randn(4, 8, 9, 9), moon.randn(8, 8, 3, 3)
    local expected = moon.conv2d(x, w):relu():sum(1):totable()
    for _ = 1, 3 do
      local y = moon.conv2d(x, w)
      local z = moon.on(moon.streams():next(), function() return y:relu() end)
      assert.same(expected, z:sum(1):totable())
    end
  end))
end)

describe("an event", function()
  it("is complete when what came before it is", task(function()
    local y = work(20)
    local e = moon.stream():event()
    assert.is_false(e:is_ready())
    assert.equal(e, e:await())
    assert.is_true(e:is_ready())
    assert.is_true(y:is_ready())
  end))

  it("makes another stream wait, not the host", task(function()
    local a, b = moon.streams():next(), moon.streams():next()
    local y = moon.on(a, function() return work(20) end)
    b:wait(a:event())
    assert.is_false(y:is_ready())
    local z = moon.on(b, function() return moon.ones(100, 100) * 2 end)
    z:await()
    assert.is_true(y:is_ready())
  end))

  it("is what wait takes", function()
    fails("wait: its argument is an event, not table", function()
      moon.stream():wait{}
    end)
  end)
end)

describe("synchronize", function()
  it("suspends until nothing is in flight", task(function()
    work(10)
    moon.on(moon.streams():next(), function() return work(10) end)
    moon.synchronize()
    assert.equal(0, moon.stats().in_flight)
  end))
end)
