local moon = require "moonseed"
local op = require "support.op"
local task = require "support.task"

local function values_of(fn)
  return function(x) return (fn(x)) end
end

local nan, inf = 0 / 0, 1 / 0

describe("sort", function()
  local x = { 3, 5, 2, fill = "distinct" }
  for dim = 1, 3 do
    op.agrees{ "along dimension " .. dim, inputs = { x },
               fn = values_of(function(t) return t:sort(dim) end) }
  end
  op.agrees{ "the largest first", inputs = { x }, fn = values_of(function(t)
    return t:sort(-1, { descending = true })
  end) }
  op.agrees{ "of one", inputs = { { 1 } },
             fn = values_of(function(t) return t:sort() end) }
  op.agrees{ "of none", inputs = { { 2, 0 } },
             fn = values_of(function(t) return t:sort() end) }
  op.matches{ "of long lines", inputs = { { 7, 501 }, },
              fn = values_of(function(t) return t:sort(2) end) }
  op.matches{ "of many lines", inputs = { { 501, 70 } },
              fn = values_of(function(t)
    return t:sort(1, { descending = true })
  end) }

  op.everywhere("keeps the order of equals, which zeros of both signs are",
                function(device)
    local t = moon.tensor({ 1, 0, -0.0, 1, 0, -1, -1 }, { device = device })
    assert.same({ 5, 6, 1, 2, 4, 0, 3 }, op.flat(t:argsort()))
    assert.same({ 0, 3, 1, 2, 4, 5, 6 },
                op.flat(t:argsort(1, { descending = true })))
    local many = moon.tensor({ 2, 1 }, { device = device }):tile(100)
    local places = op.flat(many:argsort())
    for i = 1, 100 do
      assert.equal(2 * i - 1, places[i])
      assert.equal(2 * i - 2, places[100 + i])
    end
  end)

  op.everywhere("takes NaN for the largest", function(device)
    local t = moon.tensor({ nan, 1, inf, -nan, -inf }, { device = device })
    assert.same({ 4, 1, 2, 0, 3 }, op.flat(t:argsort()))
    assert.same({ 0, 3, 2, 1, 4 },
                op.flat(t:argsort(1, { descending = true })))
    assert.same({ 0, 3 }, op.flat(select(2, t:topk(2))))
  end)

  op.everywhere("is there for integers, exactly", function(device)
    local large = 2 ^ 53
    local t = moon.tensor({ 3, -1, 2 }, { dtype = "i64", device = device })
      + large
    assert.same({ 1, 2, 0 }, op.flat(t:argsort()))
    assert.equal("i64", t:sort():dtype())
    local bytes = moon.tensor({ 3, 255, 2 }, { dtype = "u8",
                                               device = device })
    assert.same({ 2, 3, 255 }, op.flat((bytes:sort())))
  end)

  op.refuses("a dimension that is not there",
             "sort: dimension 3 of a tensor with 2",
             function() moon.zeros(2, 3):sort(3) end)
  op.refuses("a scalar", "sort: dimension -1 of a tensor with 0",
             function() moon.zeros{}:sort() end)
end)

describe("topk", function()
  local x = { 3, 5, 2, fill = "distinct" }
  op.agrees{ "of three", inputs = { x },
             fn = values_of(function(t) return t:topk(3, 2) end) }
  op.agrees{ "of the smallest", inputs = { x }, fn = values_of(function(t)
    return t:topk(2, 1, { largest = false })
  end) }
  op.agrees{ "of none", inputs = { { 2, 3 } },
             fn = values_of(function(t) return t:topk(0) end) }
  op.matches{ "few of many", inputs = { { 33, 401 } },
              fn = values_of(function(t) return t:topk(5) end) }
  op.matches{ "many of many", inputs = { { 33, 401 } },
              fn = values_of(function(t) return t:topk(100) end) }

  it("gives what gather finds", task(function()
    local t = moon.randn(50, 300)
    local values, places = t:topk(7)
    assert.is_true(moon.allclose(values, t:gather(2, places),
                                 { rtol = 0, atol = 0 }))
    assert.is_true(moon.allclose(values[1], (t[1]:sort(1, {
      descending = true })):narrow(1, 1, 7), { rtol = 0, atol = 0 }))
  end))

  op.refuses("more than there are",
             "topk: 4 of the 3 in dimension 2 (x 2x3)",
             function() moon.zeros(2, 3):topk(4) end)
end)
