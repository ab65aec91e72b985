local moon = require "moonseed"
local op = require "support.op"
local task = require "support.task"

describe("add_", function()
  op.agrees{ "of a repeated tensor, scaled", inputs = { { 2, 3 }, { 3 } },
             fn = function(x, more)
    local y = x * 2
    y:add_(more, -1.5)
    return y:exp()
  end }
  op.agrees{ "of itself", inputs = { { 2, 3 } }, fn = function(x)
    local y = x * 2
    return y:add_(y, 2)
  end }
  op.agrees{ "to a constant", inputs = { { 2, 3 } }, fn = function(x)
    local y = moon.ones(2, 3, { dtype = x:dtype(), device = x:device() })
    return y:add_(x)
  end }

  op.everywhere("adds to a view and to integers", function(device)
    local x = moon.zeros(2, 2, { dtype = "i64", device = device })
    x:select(2, 1):add_(moon.ones(2, { dtype = "i64", device = device }), 3)
    assert.same({ { 3, 0 }, { 3, 0 } }, x:totable())
  end)

  op.everywhere("of its own transpose is as if x were copied first",
                function(device)
    local x = moon.arange(4, { device = device }):reshape(2, 2)
    x:add_(x:t())
    assert.same({ { 0, 3 }, { 3, 6 } }, x:totable())
  end)

  it("is seen by a backward that needs the old value", task(function()
    local x = moon.ones(2):requires_grad()
    local y = x * 2
    local z = y * y
    moon.no_grad(function() y:add_(1) end)
    assert.error_matches(function() z:sum():backward() end,
                         "changed in place")
  end))

  op.refuses("what does not fit", "add_: 2x3 does not fit into 3",
             function() moon.zeros(3):add_(moon.zeros(2, 3)) end)
  op.refuses("two dtypes", "add_: f32 and i64; cast one", function()
    moon.zeros(3):add_(moon.zeros(3, { dtype = "i64" }))
  end)
end)
