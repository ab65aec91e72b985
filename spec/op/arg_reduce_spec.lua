local moon = require "moonseed"
local op = require "support.op"

describe("the place of the extreme", function()
  for _, kind in ipairs{ "max", "min" } do
    for dim = 1, 3 do
      op.agrees{ kind .. " over dimension " .. dim,
                 inputs = { { 2, 3, 4, fill = "distinct" } },
                 fn = function(x) return (x[kind](x, dim)) end }
    end
  end
  op.agrees{ "max over one place", inputs = { { 3, 1 } },
             fn = function(x) return (x:max(2)) end }

  op.everywhere("is the first of equals, from 0, in i64", function(device)
    local x = moon.tensor({ { 3, 7, 7 }, { 2, 1, 1 } }, { device = device })
    local values, places = x:max(2)
    assert.same({ 7, 2 }, values:totable())
    assert.same({ 1, 0 }, places:totable())
    assert.equal("i64", places:dtype())
    assert.same({ 0, 1 }, x:argmin(2):totable())
    assert.equal(1, x:argmax():item())
    assert.equal(4, x:argmin():item())
    assert.same({ 2, 1 }, x:argmax(2, { keepdim = true }):shape())
    assert.same({ 0, 0, 0 }, x:t():t():argmax(1):totable())
  end)

  op.everywhere("is the first of equals and of NaN in long lines",
                function(device)
    local x = moon.zeros(3, 1000, { device = device })
    x[1][700], x[1][900] = 5, 5
    x[2][130], x[2][400], x[2][999] = 9, 0 / 0, 0 / 0
    x[3][1000] = -2
    for _, t in ipairs{ x, x:t():contiguous():t() } do
      local values, places = t:max(2)
      assert.same({ 699, 399, 0 }, places:totable())
      assert.equal(5, values[1]:item())
      assert.is_true(values[2]:item() ~= values[2]:item())
      assert.same({ 0, 399, 999 }, t:argmin(2):totable())
    end
  end)

  op.everywhere("is counted in a list's dimensions as in one",
                function(device)
    local x = moon.tensor({ { { 0, 9 }, { 5, 1 }, { 2, 3 } },
                            { { 7, 0 }, { 4, 8 }, { 9, 6 } } },
                          { device = device })
    assert.same(x:argmax(2):totable(), x:argmax{ 2 }:totable())
    assert.same({ 1, 4 }, x:argmax{ 2, 3 }:totable())
    assert.same({ 5, 0 }, x:argmax{ 1, 2 }:totable())
    assert.same({ 5, 0 }, x:argmax{ 1, -2 }:totable())
    assert.same({ 5, 0 }, x:argmax({ 1, 2 }):totable())
    assert.same({ 5, 0 }, x:permute(2, 1, 3):argmax{ 2, 1 }:totable())
    assert.same({ 0, 3 }, x:argmin{ 1, 2 }:totable())
    assert.equal(x:argmax():item(), x:argmax{ 1, 2, 3 }:item())
  end)

  op.everywhere("has its dimensions kept with keepdim", function(device)
    local x = moon.zeros(2, 3, 4, { device = device })
    assert.same({ 2, 1, 4 }, x:argmax{ 2, keepdim = true }:shape())
    assert.same({ 1, 3, 1 }, x:argmin{ 3, 1, keepdim = true }:shape())
    local values, places = x:max({ 1 }, { keepdim = true })
    assert.same({ 1, 3, 4 }, values:shape())
    assert.same({ 1, 3, 4 }, places:shape())
  end)

  op.refuses("options that there are not", "max: no option 'foo' (known: "
             .. "keepdim)", function() moon.zeros(3):max{ 1, foo = 1 } end)
  op.refuses("a list with a gap", "max: the list of dimensions has a gap",
             function() moon.zeros(3, 2):max{ nil, 1 } end)
  op.refuses("a dimension named twice", "argmax: dimension 2 is named twice",
             function() moon.zeros(3, 2):argmax{ 2, -1 } end)

  op.everywhere("is where the whole gradient goes", function(device)
    local x = moon.tensor({ 2, 5, 5 }, { device = device }):requires_grad()
    x:max(1):backward()
    assert.same({ 0, 1, 0 }, op.flat(x.grad))
  end)

  op.refuses("no elements", "argmax: no elements along dimension 2 (x 3x0)",
             function() moon.zeros(3, 0):argmax(2) end)
end)
