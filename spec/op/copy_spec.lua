local moon = require "moonseed"
local op = require "support.op"
local task = require "support.task"

describe("a copy", function()
  op.agrees{ "by clone", inputs = { { 2, 3 } },
             fn = function(x) return x:clone() end }
  op.agrees{ "by contiguous", inputs = { { 2, 3 } },
             fn = function(x) return x:t():contiguous() end }
  op.agrees{ "by copy_", inputs = { { 2, 3 }, { 3 } },
             fn = function(x, from)
    local y = x * 2
    y:copy_(from)
    return y:exp()
  end }
  op.agrees{ "to another device and back", inputs = { { 2, 3 } },
             fn = function(x)
    local there = x:to(x:device() == "ref" and "cpu" or "ref")
    return there:exp():to(x:device())
  end }

  it("has memory of its own", task(function()
    local x = moon.zeros(2)
    x:clone():fill_(1)
    assert.same({ 0, 0 }, x:totable())
    assert.equal(x:id(), x:contiguous():id())
  end))

  op.everywhere("by copy_ casts and repeats", function(device)
    local y = moon.zeros(2, 2, { dtype = "i32", device = device })
    y:copy_(moon.tensor({ 1.5, -2.5 }, { device = device }))
    assert.same({ { 1, -2 }, { 1, -2 } }, y:totable())
  end)

  op.everywhere("over its own transpose is as if x were copied first",
                function(device)
    local x = moon.arange(4, { device = device }):reshape(2, 2)
    x:copy_(x:t())
    assert.same({ { 0, 2 }, { 1, 3 } }, x:totable())
  end)

  op.refuses("what does not fit", "copy_: 2x3 does not fit into 3",
             function() moon.zeros(3):copy_(moon.zeros(2, 3)) end)
  op.refuses("a parameter as target",
             "copy_: a leaf that requires grad is changed in place",
             function()
    moon.zeros(3):requires_grad():copy_(moon.zeros(3))
  end)
end)
