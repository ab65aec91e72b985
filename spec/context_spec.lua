-- The context of ops: stream, device, gradient mode, generator, one per
-- coroutine.
local task = require "support.task"
local moon = require "moonseed"

-- A parameter's product, made in the current gradient mode.
local p
local function records() return (p * 1).needs_grad end
local function stream() return moon.stream():id() end

describe("a context", function()
  setup(function() p = moon.ones(1):requires_grad() end)
  teardown(function() p = nil end)

  it("is restored when a scope ends, also by an error", task(function()
    local mine, s = stream(), moon.streams():next()
    pcall(moon.on, s, function()
      assert.equal(s:id(), stream())
      pcall(moon.no_grad, function()
        assert.is_false(records())
        error "inner"
      end)
      assert.is_true(records())
      error "outer"
    end)
    assert.equal(mine, stream())
    assert.is_true(records())
  end))

  it("belongs to its task, however tasks interleave", task(function()
    local function check(n)
      local own = stream()
      for i = 1, 5 do
        local s = moon.streams():next()
        moon.on(s, function()
          moon.yield()
          assert.equal(s:id(), stream())
          moon.no_grad(function()
            if i % 2 == n % 2 then moon.sleep(1) else moon.yield() end
            assert.is_false(records())
            assert.equal(s:id(), stream())
          end)
          assert.is_true(records())
          pcall(function() moon.no_grad(function() error(i) end) end)
          moon.yield()
          assert.is_true(records())
        end)
        assert.equal(own, stream())
      end
      return own
    end
    local a, b, c = moon.gather(function() return check(1) end,
                                function() return check(2) end,
                                function() return check(3) end)
    assert.is_true(a ~= b and b ~= c)
  end))

  it("is inherited by tasks at their spawn", task(function()
    local t
    moon.no_grad(function() t = moon.spawn(records) end)
    assert.is_false(t:await())
    assert.is_true(moon.spawn(records):await())
  end))

  it("gives every task a stream of its own", task(function()
    local a, b = moon.gather(stream, stream)
    assert.not_equal(a, b)
  end))

  it("of a generator is a copy of its creator's", task(function()
    local g
    moon.no_grad(function()
      g = coroutine.wrap(function()
        while true do coroutine.yield(records()) end
      end)
    end)
    assert.is_false(g())
    assert.is_true(records())
    assert.is_false(g())
  end))

  it("of a generator does not leak from scopes left open", task(function()
    local s, mine = moon.streams():next(), stream()
    local g = coroutine.wrap(function()
      moon.on(s, function()
        moon.no_grad(function()
          coroutine.yield(stream())
          moon.sleep(1)
          coroutine.yield(stream())
        end)
      end)
    end)
    assert.equal(s:id(), g())
    assert.equal(mine, stream())
    assert.is_true(records())
    assert.equal(s:id(), g())
    assert.equal(mine, stream())
  end))
end)

describe("the device", function()
  it("is the task's, and its children's", task(function()
    local mine = moon.device()
    moon.spawn(function()
      moon.set_device "ref"
      assert.equal("ref", moon.zeros(1):device())
      assert.equal("ref", moon.spawn(moon.device):await())
    end):await()
    assert.equal(mine, moon.device())
    assert.equal("ref", moon.zeros(1, { device = "ref" }):device())
    assert.equal(mine, moon.device())
  end))

  it("moves tensors by to()", task(function()
    local t = moon.tensor{ 1, 2 }:to "ref"
    assert.equal("ref", t:device())
    assert.equal(t, t:to "ref")
    assert.same({ 2, 3 }, (t + 1):to(moon.device()):totable())
  end))

  it("that there is not is an error", function()
    for _, name in ipairs{ "tpu", "cuda:9" } do
      local ok, why = pcall(moon.set_device, name)
      assert.is_false(ok)
      assert.matches(name, why)
    end
  end)
end)

describe("the generator", function()
  it("is the task's: others' draws do not change it", task(function()
    local function draws(noise)
      moon.manual_seed(5)
      local other = noise and moon.spawn(function()
        for _ = 1, 3 do
          moon.rand(2)
          moon.yield()
        end
      end)
      local first = moon.rand(2):totable()
      moon.sleep(1)
      if other then other:await() end
      return { first, moon.rand(2):totable() }
    end
    assert.same(draws(false), draws(true))
  end))

  it("of children follows from the parent's seed, not from timing",
     task(function()
    local function run(ms)
      moon.manual_seed(5)
      return { moon.gather(
        function() moon.sleep(ms) return moon.rand(1):item() end,
        function() moon.sleep(3 - ms) return moon.rand(1):item() end) }
    end
    local a = run(0)
    assert.same(a, run(3))
    assert.not_equal(a[1], a[2])
  end))

  it("refuses seeds that are none", function()
    for _, bad in ipairs{ -1, 1.5, "7" } do
      assert.is_false((pcall(moon.manual_seed, bad)))
    end
  end)
end)
