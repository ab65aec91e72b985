-- In-place ops on views, and on tensors that have views, in the graph.

local moon = require "moonseed"
local op = require "support.op"
local task = require "support.task"

describe("the gradient through", function()
  op.agrees{ "a row that is copied into", inputs = { { 2, 3 }, { 3 } },
             fn = function(x, row)
    local y = x * 2
    y[1] = row
    return y:exp()
  end }
  op.agrees{ "a row of a constant", inputs = { { 3 } }, fn = function(row)
    local y = moon.ones(2, 3, { dtype = row:dtype(), device = row:device() })
    y[2] = row
    return y * y
  end }
  op.agrees{ "a row that is filled", inputs = { { 2, 3 } }, fn = function(x)
    local y = x * 2
    y[2] = 0.5
    return y * y
  end }
  op.agrees{ "a column that is added to, scaled",
             inputs = { { 2, 3 }, { 2 } }, fn = function(x, column)
    local y = x * 2
    y:t()[3]:add_(column, -3)
    return y:exp()
  end }
  op.agrees{ "an element of a view of a view", inputs = { { 2, 3, 2 }, {} },
             fn = function(x, value)
    local y = x * 2
    y:narrow(2, 2, 2)[1][2]:narrow(1, 1, 1):copy_(value)
    return y * y
  end }
  op.agrees{ "a row that is copied from another", inputs = { { 2, 3 } },
             fn = function(x)
    local y = x * 2
    y[1] = y[2]
    y[2]:add_(y[1], 2)
    return y:exp()
  end }
  op.agrees{ "a repeated row", inputs = { { 2, 3 }, { 1 } },
             fn = function(x, value)
    local y = x * 2
    y[1]:copy_(value)
    return y * x
  end }
  op.agrees{ "views that were made before", inputs = { { 2, 3 }, { 3 } },
             fn = function(x, row)
    local y = x * 2
    local all, first, second = y:t(), y[1], y[2]
    first:copy_(row)
    y:add_(row, 2)
    return all:exp():sum() + (first * second * row):sum()
  end }
  op.agrees{ "an expanded view made before", inputs = { { 1, 3 } },
             fn = function(x)
    local y = x * 2
    local many = y:expand(4, 3)
    y:add_(1)
    return many:exp()
  end }
  op.agrees{ "a base that has holes", inputs = { { 4, 2 } }, fn = function(q)
    local o = { dtype = q:dtype(), device = q:device() }
    local base = moon.ones(4, 4, o):narrow(2, 1, 2):detach()
    local last = base:select(1, 4)
    base:add_(q)
    base:select(2, 2):copy_(q:select(2, 1))
    return last:exp():sum() + base * base
  end }
  op.agrees{ "permuted memory with a dimension of size 1",
             inputs = { { 1, 3 } }, fn = function(w)
    local o = { dtype = w:dtype(), device = w:device() }
    local base = moon.zeros(3, 1, 2, o):permute(3, 2, 1):detach()
    base[1]:copy_(w)
    return base * moon.arange(6, o):reshape(2, 1, 3)
  end }
  op.agrees{ "channels-last memory", inputs = { { 1, 2, 3, 2 }, { 3, 2 } },
             fn = function(x, plane)
    local y = (x * 2):permute(1, 3, 4, 2):contiguous():permute(1, 4, 2, 3)
    y[1][2]:copy_(plane)
    return y:exp()
  end }
end)

describe("in place", function()
  it("what is allowed does not depend on who has looked", task(function()
    local x = moon.ones(3):requires_grad()
    local h = x * 2
    local _ = { tostring(h), h:totable(), (h * h):sum() }
    h:add_(1)
    h:sum():backward()
    assert.same({ 2, 2, 2 }, x.grad:totable())
  end))

  it("a value that the graph keeps may go; its backward raises",
     task(function()
    local x = moon.ones(3):requires_grad()
    local h = x * 2
    local kept = (h * h):sum()
    h:fill_(1)
    assert.error_matches(function() kept:backward() end,
                         "a tensor 3 that mul needs was changed in place")
    assert.is_nil(x.grad)
  end))

  it("a view may be where backward starts", task(function()
    local x = moon.ones(2):requires_grad()
    local y = moon.zeros(2, 2)
    local corner = y[2][1]
    y[2] = x * 3
    corner:backward()
    assert.same({ 3, 0 }, x.grad:totable())
  end))

  it("a view needs a gradient once its base does", task(function()
    local y = moon.zeros(2, 2)
    local first = y[1]
    assert.is_false(first.needs_grad)
    y:add_(moon.ones(2):requires_grad())
    assert.is_true(first.needs_grad)
  end))

  op.refuses("a view of a parameter that is itself a view",
             "fill_: a view of a leaf that requires grad", function()
    local w = moon.zeros(4):view(2, 2):requires_grad()
    w[1]:fill_(5)
  end)
  op.refuses("a view made under no_grad", "a view made under no_grad",
             function()
    local y = moon.zeros(3):requires_grad() * 2
    local z = moon.no_grad(function() return y:narrow(1, 1, 2) end)
    z:fill_(1)
  end)

  it("what a user-defined op gives is apart from its inputs", task(function()
    local first = moon.op{ name = "first",
      forward = function(_, x) return x:narrow(1, 1, 2) end,
      backward = function(_, dy) return moon.cat{ dy, moon.zeros(1) } end }
    local x = moon.ones(3):requires_grad()
    local h = x * 2
    local y = first(h)
    y:fill_(0)
    assert.same({ 2, 2, 2 }, h:totable())
  end))

  it("a view of what has become computed is no leaf", task(function()
    local b, q = moon.zeros(2, 2), moon.ones(2):requires_grad()
    local v = b[1]
    b:add_(q)
    assert.error_matches(function() v:requires_grad(false) end, "output of")
    v:requires_grad()
    v:sum():backward()
    assert.same({ 1, 1 }, q.grad:totable())
  end))

  op.refuses("a view of a parameter",
             "fill_: a view of a leaf that requires grad", function()
    local x = moon.zeros(3):requires_grad()
    x[1] = 1
  end)

  it("a parameter changes under no_grad, views and all", task(function()
    local x = moon.zeros(3):requires_grad()
    moon.no_grad(function() x[1] = 1 end)
    x:narrow(1, 1, 2):sum():backward()
    assert.same({ 1, 0, 0 }, x:totable())
    assert.same({ 1, 1, 0 }, x.grad:totable())
  end))
end)
