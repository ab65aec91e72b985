-- moon.tidy, keep, dispose: whose memory goes when.
local task = require "support.task"
local moon = require "moonseed"

local function fails(pattern, fn, ...)
  local ok, why = pcall(fn, ...)
  assert.is_false(ok, "no error")
  assert.matches(pattern, tostring(why))
end

-- With the collector stopped: tensors that fn left behind.
local function left_by(fn)
  collectgarbage()
  collectgarbage()
  local before = moon.stats().live_tensors
  collectgarbage "stop"
  local ok, why = pcall(fn)
  local after = moon.stats().live_tensors
  collectgarbage "restart"
  assert.is_true(ok, why)
  return after - before
end

describe("moon.tidy", function()
  it("releases what was made inside, at once", task(function()
    assert.equal(0, left_by(function()
      moon.tidy(function()
        local a = moon.ones(100)
        for _ = 1, 10 do a = (a * 2)[1] + moon.rand(100) end
      end)
    end))
  end))

  it("keeps what is returned, also inside tables", task(function()
    local a, list
    assert.equal(3, left_by(function()
      a, list = moon.tidy(function()
        local x = moon.ones(2)
        return x + 1, { deep = { x * 2 }, more = x }
      end)
    end))
    assert.same({ 2, 2 }, a:totable())
    assert.same({ 2, 2 }, list.deep[1]:totable())
    assert.same({ 1, 1 }, list.more:totable())
  end))

  it("keeps what keep() marked, and parameters", task(function()
    local kept, w
    moon.tidy(function()
      moon.tidy(function()
        kept = moon.ones(2):keep()
        w = moon.ones(2):requires_grad()
      end)
    end)
    assert.same({ 1, 1 }, kept:totable())
    assert.same({ 1, 1 }, w:totable())
  end))

  it("hands what it returns to the scope around it", task(function()
    local inner
    moon.tidy(function()
      inner = moon.tidy(function() return moon.ones(2) end)
      assert.same({ 1, 1 }, inner:totable())
    end)
    fails("was disposed", inner.totable, inner)
  end))

  it("makes using a released tensor an error that names it", task(function()
    local a
    moon.tidy(function() a = moon.ones(2, 3) end)
    fails("relu: tensor " .. a:id() .. " %(f32 2x3%) was disposed", a.relu, a)
    fails("disposed", function() return moon.ones(1) + a end)
    fails("disposed", a.await, a)
    fails("disposed", tostring, a)
    fails("disposed", a.fill_, a, 1)
    fails("disposed", a.view, a, 6)
    assert.same({ 2, 3 }, a:shape())
  end))

  it("leaves views and what they look at alone", task(function()
    local w = moon.ones(2, 2):requires_grad()
    local row = moon.tidy(function()
      local t = w:t()
      return (t * 3)[1]
    end)
    assert.same({ 3, 3 }, row:totable())
    assert.same({ { 1, 1 }, { 1, 1 } }, w:totable())
  end))

  it("leaves the graph alone: a backward may follow", task(function()
    local w = moon.tensor{ 1, 2 }:requires_grad()
    local loss = moon.tidy(function() return ((w * w) * w):sum() end)
    loss:backward()
    assert.same({ 3, 12 }, w.grad:totable())
  end))

  it("never holds gradients", task(function()
    local w, grad = moon.ones(2):requires_grad(), nil
    moon.tidy(function()
      (w * 2):sum():backward()
      grad = w.grad
    end)
    assert.same({ 2, 2 }, grad:totable())
    moon.tidy(function() w.grad = moon.ones(2) end)
    assert.same({ 1, 1 }, w.grad:totable())
  end))

  it("ends by an error, too", task(function()
    assert.equal(0, left_by(function()
      fails("inside", moon.tidy, function()
        moon.ones(2)
        error "inside"
      end)
    end))
    local a = moon.ones(1)
    assert.equal(1, a:item())
  end))

  it("is the task's own", task(function()
    local theirs
    moon.tidy(function()
      local t = moon.spawn(function()
        theirs = moon.ones(2)
        moon.sleep(1)
      end)
      t:await()
    end)
    assert.same({ 1, 1 }, theirs:totable())
  end))

  it("does not take what a generator made that outlives it", task(function()
    local g
    moon.tidy(function()
      g = coroutine.wrap(function()
        while true do coroutine.yield(moon.ones(2)) end
      end)
    end)
    assert.same({ 1, 1 }, g():totable())
  end))
end)

describe("dispose", function()
  it("gives memory back at once", task(function()
    local t = moon.zeros(1000, 1000):await()
    local before = moon.stats().live_bytes
    t:dispose()
    assert.is_true(before - moon.stats().live_bytes >= 4e6)
  end))

  it("makes further use an error", task(function()
    local t = moon.zeros(3)
    local view = t:view(3, 1)
    t:dispose()
    fails("add: tensor " .. t:id() .. " %(f32 3%) was disposed",
          function() return t + 1 end)
    fails("disposed", view.relu, view)
    t:dispose()
  end))

  it("is named by everything that reads", task(function()
    local t = moon.ones(1)
    t:dispose()
    for _, name in ipairs{ "await", "item", "totable" } do
      fails(name .. ": tensor " .. t:id() .. " %(f32 1%) was disposed",
            t[name], t)
    end
    fails("tostring: tensor %d+ %(f32 1%) was disposed", tostring, t)
    fails("save: tensor %d+ %(f32 1%) was disposed", moon.save,
          "/tmp/never.safetensors", { t = t })
  end))

  it("while ops are in flight changes nothing for them", task(function()
    local x, w = moon.randn(8, 16, 32, 32), moon.randn(16, 16, 3, 3)
    local expected = moon.conv2d(x, w):await()
    local copy = x:clone()
    local y = moon.conv2d(copy, w)
    copy:dispose()
    local other = moon.zeros(8, 16, 32, 32)
    assert.is_true(y:eq(expected):min():item())
    assert.equal(0, other:sum():item())
  end))
end)

describe("memory", function()
  it("of dropped temporaries is bounded without reads or tidy",
     task(function()
    local x, most = moon.randn(64, 1024), 0
    for _ = 1, 5000 do
      local y = (x * 2):relu() + 1
      most = math.max(most, y and moon.stats().live_bytes)
    end
    assert.is_true(most < 300e6)
  end))

  it("that the limit refuses is collected first, then an error",
     task(function()
    local limit = moon.stats().limit_bytes
    moon.synchronize()
    collectgarbage()
    collectgarbage()
    moon.set_memory_limit(moon.stats().live_bytes + 40e6)
    local ok, why = pcall(function()
      for _ = 1, 50 do assert(moon.zeros(2e6)) end  -- 8 MB each, dropped
      fails("memory: %d+ bytes asked for", function()
        local kept = {}
        for i = 1, 50 do kept[i] = moon.zeros(2e6) end
        return kept
      end)
    end)
    moon.set_memory_limit(limit)
    assert.is_true(ok, why)
    assert.equal(2, moon.ones(2):sum():item())
  end))

  it("that is idle makes room for a kernel's scratch", task(function()
    local limit = moon.stats().limit_bytes
    local x, w = moon.randn(512, 3000), moon.randn(3000, 3000)
    moon.synchronize()
    moon.set_memory_limit(moon.stats().live_bytes + 60e6)
    pcall(function()  -- all of the room: the output's, and small blocks
      local kept = { moon.zeros(512, 3000) }
      while true do kept[#kept + 1] = moon.zeros(2 ^ 17) end
    end)
    collectgarbage()
    collectgarbage()
    moon.synchronize()
    local ok, why = pcall(function() moon.linear(x, w):await() end)
    moon.set_memory_limit(limit)
    assert.is_true(ok, why)
  end))

  it("kept across iterations stays valid", task(function()
    local losses, average = {}, moon.zeros(1)
    for i = 1, 300 do
      local loss = (moon.ones(100, 100) * i):mean()
      losses[i] = loss
      average = average * 0.5 + loss * 0.5
      if i % 100 == 0 then collectgarbage() end
    end
    for i = 1, 300 do assert.equal(i, losses[i]:item()) end
    assert.is_true(average:item() > 298)
  end))
end)
