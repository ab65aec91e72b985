-- moon.op: gradients from Lua.
local task = require "support.task"
local moon = require "moonseed"

local function fails(pattern, fn, ...)
  local ok, why = pcall(fn, ...)
  assert.is_false(ok, "no error")
  assert.matches(pattern, tostring(why))
end

local function sigmoid(x) return 1 / (1 + (-x):exp()) end

local swish = moon.op{
  name = "swish",
  forward = function(ctx, x)
    local s = sigmoid(x)
    ctx:save(x, s)
    return x * s
  end,
  backward = function(ctx, dy)
    local x, s = ctx:saved()
    return dy * (s + x * s * (1 - s))
  end,
}

local double = moon.op{
  forward = function(_, x) return x * 2 end,
  backward = function(_, dy) return dy * 2 end,
}

describe("a user-defined op", function()
  it("has the gradient of the same ops built in", task(function()
    local a = moon.randn(5, 7, { dtype = "f64" }):requires_grad()
    local b = a:detach():clone():requires_grad();
    (swish(a) * swish(a * 2)):sum():backward();
    ((b * sigmoid(b)) * (b * 2 * sigmoid(b * 2))):sum():backward()
    assert.is_true(moon.allclose(a.grad, b.grad, { rtol = 1e-12 }))
  end))

  it("gives one gradient per tensor argument, or nil", task(function()
    local seen
    local op = moon.op{
      forward = function(ctx, x, n, y)
        ctx.n = n
        return x * n + y
      end,
      backward = function(ctx, dy)
        seen = ctx.n
        return nil, dy * 5
      end,
    }
    local x = moon.ones(2):requires_grad()
    local y = moon.ones(2):requires_grad()
    op(x, 3, y):sum():backward()
    assert.equal(3, seen)
    assert.is_nil(x.grad)
    assert.same({ 5, 5 }, y.grad:totable())
  end))

  it("records nothing without need", task(function()
    local x = moon.ones(2)
    assert.is_false(double(x).needs_grad)
    x:requires_grad()
    assert.is_true(double(x).needs_grad)
    assert.is_false(moon.no_grad(function() return double(x).needs_grad end))
  end))

  it("may await in its backward, while other tasks go on", task(function()
    local op = moon.op{
      forward = function(_, x) return x * 2 end,
      backward = function(_, dy)
        moon.sleep(3)
        return dy * dy:sum():item()
      end,
    }
    local w = moon.ones(2):requires_grad()
    local function run(k) (op(w) * k):sum():backward() end
    local ticks = 0
    local other = moon.spawn(function()
      for _ = 1, 3 do
        moon.sleep(1)
        ticks = ticks + 1
      end
    end)
    moon.gather(function() run(1) end, function() run(10) end)
    other:await()
    assert.equal(3, ticks)
    assert.same({ 202, 202 }, w.grad:totable())
  end))

  it("runs its backward on the stream of its forward", task(function()
    local forward, backward
    local op = moon.op{
      forward = function(_, x)
        forward = moon.stream()
        return x * 2
      end,
      backward = function(_, dy)
        backward = moon.stream()
        return dy
      end,
    }
    local w = moon.ones(1):requires_grad()
    local y = moon.on(moon.streams():next(), function() return op(w) end)
    y:backward()
    assert.equal(forward, backward)
  end))

  it("that raises leaves gradients as they were", task(function()
    local op = moon.op{
      name = "sour", forward = function(_, x) return x * 2 end,
      backward = function() error "no gradient today" end,
    }
    local w = moon.ones(2):requires_grad()
    local y = op(w):sum()
    fails("user_op_spec.lua:%d+: no gradient today", y.backward, y)
    assert.is_nil(w.grad)
    double(w):sum():backward()
    assert.same({ 2, 2 }, w.grad:totable())
  end))

  it("refuses gradients of another shape or kind", task(function()
    local w = moon.ones(2):requires_grad()
    local function give(value)
      return function()
        moon.op{ name = "bad", forward = function(_, x) return x * 2 end,
                 backward = function() return value end }(w):sum():backward()
      end
    end
    fails("_spec.lua:%d+: bad: gradient 1 is f32 5, its input f32 2",
          give(moon.ones(5)))
    fails("bad: gradient 1 is a tensor, not number", give(1))
  end))

  it("refuses a second backward", task(function()
    local y = swish(moon.ones(2):requires_grad()):sum()
    y:backward()
    fails("already used", y.backward, y)
  end))

  it("refuses a forward that gives no tensor, and options not given",
     task(function()
    local op = moon.op{ name = "void", forward = function() end,
                        backward = function() end }
    fails("void: forward returns one tensor, not nothing", op, moon.ones(1))
    fails("op: backward is missing", moon.op,
          { forward = function() end })
    fails("op: no option 'back'", moon.op, { back = 1 })
  end))

  it("refuses a forward that gives more than one tensor", task(function()
    local op = moon.op{ name = "pair", forward = function(_, x) return x, x end,
                        backward = function(_, dy) return dy end }
    fails("pair: forward returns one tensor, not 2 values", op, moon.ones(1))
  end))

  it("may return its input, whose gradient it then turns", task(function()
    local reverse = moon.op{ forward = function(_, x) return x end,
                             backward = function(_, dy) return -dy end }
    local w = moon.tensor{ 1, 2 }:requires_grad()
    local y = reverse(w)
    assert.same({ 1, 2 }, y:totable());
    (reverse(y * 2) * 3):sum():backward()
    assert.same({ 6, 6 }, w.grad:totable())
    y:detach():fill_(0)
    assert.same({ 1, 2 }, w:totable())
  end))

  it("may return a tensor of others, and leaves it alone", task(function()
    local constant, p = moon.ones(2), moon.ones(2):requires_grad()
    local w = moon.ones(2):requires_grad()
    for _, other in ipairs{ constant, p } do
      local op = moon.op{ forward = function() return other end,
                          backward = function(_, dy) return dy end }
      w.grad = nil;
      (op(w) + op(w)):sum():backward()
      assert.same({ 2, 2 }, w.grad:totable())
    end
    assert.is_false(constant.needs_grad)
    assert.is_nil(p.grad)
  end))

  local square = moon.op{
    name = "square",
    forward = function(ctx, x)
      ctx:save(x)
      return x * x
    end,
    backward = function(ctx, dy) return dy * ctx:saved() * 2 end,
  }
  local exp = moon.op{
    name = "my_exp",
    forward = function(ctx, x)
      local y = x:exp()
      ctx:save(y)
      return y
    end,
    backward = function(ctx, dy) return dy * ctx:saved() end,
  }

  it("refuses a backward when what it saved was changed in place",
     task(function()
    local x = moon.tensor{ 3 }:requires_grad()
    local y = square(x)
    moon.no_grad(function() x:fill_(100) end)
    fails("backward: a tensor 1 that square needs was changed in place "
          .. "%(version 1, saved at 0%)", y.backward, y)
    assert.is_nil(x.grad)
  end))

  it("refuses a backward when its saved output was changed in place",
     task(function()
    local y = exp(moon.zeros(2):requires_grad())
    moon.no_grad(function() y:fill_(5) end)
    fails("a tensor 2 that my_exp needs was changed in place",
          y.backward, y, moon.ones(2))
  end))

  it("keeps nothing once its graph is gone, whatever it saved",
     task(function()
    local op = moon.op{
      forward = function(ctx, x)
        ctx.y = x:exp()
        ctx:save(ctx.y, x)
        return ctx.y
      end,
      backward = function(ctx, dy) return dy * ctx.y end,
    }
    local w = moon.zeros(4):requires_grad()
    local function count()
      for _ = 1, 4 do  -- an op that fed another goes one round later
        collectgarbage()
        collectgarbage()
        moon.synchronize()
      end
      return moon.stats().live_tensors
    end
    op(w):sum():backward()
    local before = count()
    for i = 1, 50 do
      local y = op(op(w)):sum()
      if i % 2 == 0 then y:backward() end
    end
    assert.is_true(count() <= before)
  end))

  it("keeps what it saved through a moon.tidy", task(function()
    local w = moon.ones(2):requires_grad()
    local y = moon.tidy(function() return swish(w * 1):sum() end)
    y:backward()
    local v = moon.ones(2):requires_grad()
    swish(v):sum():backward()
    assert.same(v.grad:totable(), w.grad:totable())
  end))
end)
