-- moon.capture: a replay is the step, in every bit.

local bits = require "support.bits"
local core = require "moonseed.ffi"
local moon = require "moonseed"
local sim = require "moonseed.sim"
local steps = require "support.steps"
local task = require "support.task"
local nn = moon.nn
local C = core.C

local captures = {}  -- those that a program has made

local function plain(fn) return fn end

local function captured(fn)
  local step = moon.capture(fn)
  captures[#captures + 1] = step
  return step
end

-- What a program leaves, from the same random numbers.
local function run(program, wrap)
  moon.manual_seed(7)
  captures = {}
  return program(wrap)
end

local function replays()
  local n = 0
  for _, step in ipairs(captures) do n = n + step:stats().replayed end
  return n
end

local function same(expected, got)
  for name, value in pairs(expected) do
    assert(got[name] == value, name .. " differs")
  end
  for name in pairs(got) do assert.not_nil(expected[name], name) end
end

describe("capture", function()
  for name, program in pairs(steps.programs) do
    it("has the bits of an eager step: " .. name, task(function()
      same(run(program, plain), run(program, captured))
      assert.is_true(replays() >= 10)
    end))
  end

  for _, kind in ipairs{ "add", "multiply", "gate" } do
    it("has the bits of an eager step while a seed grows, " .. kind,
       task(function()
      local program = steps.growing(kind)
      same(run(program, plain), run(program, captured))
      assert.is_true(replays() >= 10)
    end))
  end

  local on_bf16 = C.moon_has_bf16() == 1 and it or pending
  on_bf16("has the bits of an eager step inside an autocast", task(function()
    local program = steps.programs["a last batch that is smaller"]
    local function cast(wrap)
      return moon.autocast("bf16", function() return program(wrap) end)
    end
    same(run(cast, plain), run(cast, captured))
    assert.is_true(replays() >= 10)
  end))

  it("has the bits of an eager step under random schedules", task(function()
    local program = steps.programs["two streams"]
    for rng_seed = 1, 6 do
      local schedule = bits.simulated(rng_seed, 0.05)
      local left = bits.run(schedule, function() return program(plain) end)
      same(left, bits.run(schedule, function() return program(captured) end))
      assert.equal(0, (sim.races()))
    end
  end))
end)

describe("a capture", function()
  it("runs the function once", task(function()
    local runs = 0
    local step = moon.capture(function(x)
      runs = runs + 1
      return x * 2
    end)
    for i = 1, 5 do
      assert.equal(2 * i, step(moon.full({ 1 }, i)):item())
    end
    assert.equal(1, runs)
  end))

  it("gives results that later calls leave alone", task(function()
    local step = moon.capture(function(x) return x * 2 end)
    local list = {}
    for i = 1, 5 do list[i] = step(moon.full({ 3 }, i)) end
    for i = 1, 5 do assert.same({ 2 * i, 2 * i, 2 * i }, list[i]:totable()) end
  end))

  it("gives several results, of any plain kind", task(function()
    local step = moon.capture(function(x, n, name)
      return x + n, n, nil, name, x
    end)
    for i = 1, 3 do
      local x = moon.full({ 1 }, i)
      local a, n, none, name, same_x = step(x, 5, "five")
      assert.equal(i + 5, a:item())
      assert.same({ 5, "five" }, { n, name })
      assert.is_nil(none)
      assert.is_true(same_x == x)
    end
  end))

  it("tells an argument from the same tensor by another name", task(function()
    local first = moon.full({ 1 }, 10)
    local step = moon.capture(function(x) return x + first end)
    assert.equal(20, step(first):item())
    assert.equal(11, step(moon.full({ 1 }, 1)):item())
  end))

  it("takes views of a larger tensor", task(function()
    local data = moon.arange(12):reshape(4, 3)
    local step = moon.capture(function(x) return x:sum() + x[2] end)
    for i = 1, 4 do
      assert.equal(3 + 9 * (i - 1) + 3 * (i - 1) + 1, step(data[i]):item())
    end
    assert.equal(1, step:stats().recorded)
  end))

  it("records again for another shape, dtype, layout or value", task(function()
    local step = moon.capture(function(x, k) return (x * k):sum() end)
    local x = moon.ones(2, 3)
    local calls = { { x, 1 }, { moon.ones(3, 3), 1 }, { x:to "f64", 1 },
                    { moon.ones(3, 2):t(), 1 }, { x, 2 }, { x, nil } }
    calls[6] = nil
    for _ = 1, 2 do
      for _, call in ipairs(calls) do
        local expected = (call[1] * call[2]):sum():item()
        assert.equal(expected, step(call[1], call[2]):item())
      end
    end
    assert.same({ 5, 5 }, { step:stats().recorded, step:stats().replayed })
  end))

  it("records again inside no_grad, on another device or precision",
     task(function()
    local w = moon.ones(2):requires_grad()
    local step = moon.capture(function(x) return (x * w):detach() end)
    local x = moon.ones(2)
    step(x)
    moon.no_grad(function() step(x) end)
    assert.equal(2, step:stats().recorded)
    moon.set_precision(moon.precision() == "fast" and "strict" or "fast")
    step(x)
    moon.set_precision(moon.precision() == "fast" and "strict" or "fast")
    assert.equal(3, step:stats().recorded)
  end))

  it("records again when a model's modes change", task(function()
    local model = nn.Sequential{ nn.Dropout{ 0.5 } }
    local step = moon.capture(function(x) return model(x) end)
    local x = moon.ones(100)
    step(x)
    assert.is_true(step(x):eq(0):any():item())
    model:eval()
    assert.is_false(step(x):eq(0):any():item())
    model:train()
    assert.is_true(step(x):eq(0):any():item())
  end))

  it("follows parameters that are frozen and unfrozen", task(function()
    local step, x, y, model = steps.small(moon.capture)
    step(x, y)
    step(x, y)
    model:freeze "2.weight"
    local frozen, moves = bits.of(model[2].weight), bits.of(model[4].weight)
    for _ = 1, 3 do step(x, y) end
    assert.equal(frozen, bits.of(model[2].weight))
    assert.not_equal(moves, bits.of(model[4].weight))
    model:unfreeze()
    step(x, y)
    assert.not_equal(frozen, bits.of(model[2].weight))
  end))

  it("follows a model that gains a layer", task(function()
    local model = nn.Sequential{ nn.Linear{ 4, 4 } }
    local step = moon.capture(function(x) return model(x):detach() end)
    local x = moon.ones(1, 4)
    step(x)
    model:add("2", nn.ReLU{})
    moon.no_grad(function() model[1].bias:fill_(-100) end)
    assert.same({ { 0, 0, 0, 0 } }, step(x):totable())
  end))

  it("inside another one is a part of it", task(function()
    local inner = moon.capture(function(x) return x + 1 end)
    local outer = moon.capture(function(x) return inner(x) * 2 end)
    for i = 1, 3 do assert.equal(2 * i + 2, outer(moon.full({1}, i)):item()) end
    assert.equal(0, inner:stats().recorded)
    assert.equal(2, outer:stats().replayed)
  end))

  it("makes in-place changes that the graph notices", task(function()
    local buffer, w = moon.ones(3), moon.ones(3):requires_grad()
    local step = moon.capture(function() buffer:add_(1) end)
    step()
    local loss = (w * buffer):sum()
    step()
    local ok, e = pcall(loss.backward, loss)
    assert.is_false(ok)
    assert.matches("changed in place", e)
    assert.same({ 3, 3, 3 }, buffer:totable())
  end))

  it("gives an argument its gradient", task(function()
    local step = moon.capture(function(x)
      x.grad = nil
      local loss = (x * x):sum()
      loss:backward()
      return loss
    end)
    local a, b = moon.full({ 2 }, 3):requires_grad(),
      moon.full({ 2 }, 5):requires_grad()
    for _ = 1, 2 do
      step(a)
      step(b)
      assert.same({ 6, 6 }, a.grad:totable())
      assert.same({ 10, 10 }, b.grad:totable())
    end
  end))

  it("notices gradients that were cleared, or set, outside", task(function()
    local w = moon.full({ 1 }, 2):requires_grad()
    local learn = moon.capture(function(x) (w * x):sum():backward() end)
    local function grad(x)
      learn(moon.full({ 1 }, x))
      return w.grad:item()
    end
    assert.equal(3, grad(3))
    assert.equal(8, grad(5))
    assert.equal(9, grad(1))
    w.grad = nil
    assert.equal(4, grad(4))
    w.grad = moon.full({ 1 }, 100)
    assert.equal(104, grad(4))
    assert.equal(108, grad(4))
  end))

  it("leaves a gradient that somebody holds alone", task(function()
    local step, x, y, model = steps.small(moon.capture)
    step(x, y)
    step(x, y)
    local held = model[2].weight.grad
    local before = bits.of(held)
    step(x, y)
    assert.equal(before, bits.of(held))
    assert.not_equal(before, bits.of(model[2].weight.grad))
  end))

  it("runs in tasks side by side", task(function()
    local step = moon.capture(function(x) return (x * 2):sum() end)
    step(moon.ones(4))
    local function work(k)
      return function()
        local sum = 0
        for i = 1, 10 do
          sum = sum + step(moon.full({ 4 }, i * k)):item()
          moon.yield()
        end
        return sum
      end
    end
    local a, b = moon.gather(work(1), work(10))
    assert.same({ 440, 4400 }, { a, b })
  end))
end)
