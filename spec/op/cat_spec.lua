local moon = require "moonseed"
local op = require "support.op"
local task = require "support.task"

describe("joining", function()
  op.agrees{ "by cat, first dimension", inputs = { { 2, 3 }, { 1, 3 },
                                                   { 0, 3 } },
             fn = function(...) return moon.cat({ ... }, 1) end }
  op.agrees{ "by cat, last dimension", inputs = { { 2, 3 }, { 2, 1 },
                                                  { 2, 4 } },
             fn = function(...) return moon.cat({ ... }, 2) end }
  op.agrees{ "by cat, channels", inputs = { { 2, 3, 2, 2 }, { 2, 1, 2, 2 } },
             fn = function(...) return moon.cat({ ... }, 2) end }
  op.agrees{ "by cat, a tensor with itself", inputs = { { 2 } },
             fn = function(x) return moon.cat{ x, x, x } end }
  for dim = 1, 3 do
    op.agrees{ "by stack, dimension " .. dim, inputs = { { 2, 3 }, { 2, 3 } },
               fn = function(...) return moon.stack({ ... }, dim) end }
  end

  op.everywhere("works for integers", function(device)
    local x = moon.arange(2, { dtype = "i64", device = device })
    assert.same({ 0, 1, 0, 1 }, moon.cat{ x, x }:totable())
    assert.same({ { 0, 1 }, { 0, 1 } }, moon.stack{ x, x }:totable())
  end)

  it("carries the error of any input", task(function()
    local bad = moon.zeros(2):index_select(1, moon.full({ 1 }, 9,
                                           { dtype = "i64" }))
    local y = moon.cat{ bad, moon.zeros(2) }
    assert.error_matches(function() y:await() end, "index 9")
  end))

  op.refuses("other shapes", "cat: tensor 2 is 2x2, the first is 2x3",
             function() moon.cat{ moon.zeros(2, 3), moon.zeros(2, 2) } end)
  op.refuses("other devices", "cat: tensors on cpu and ref", function()
    local on = { device = "cpu" }
    moon.cat({ moon.zeros(2, 3, on), moon.zeros(2, 3, { device = "ref" }) }, 2)
  end)
  op.refuses("other dtypes", "stack: f32 and i64; cast one", function()
    moon.stack{ moon.zeros(2), moon.zeros(2, { dtype = "i64" }) }
  end)
end)
