-- shield: x as it is, before a branch that may fail in its backward.

local bits = require "support.bits"
local moon = require "moonseed"
local task = require "support.task"

-- x, with a backward that fails on the device.
local frail = moon.op{
  name = "frail",
  forward = function(_, x) return x * 1 end,
  backward = function(_, dy)
    return dy:index_select(1, moon.full({ dy:size(1) }, 99,
                                        { dtype = "i64" }))
  end,
}

describe("shield", function()
  it("is a view of x", task(function()
    local x = moon.randn(3, 4)
    local y = x:t():shield()
    assert.is_true(bits.of(x:t()) == bits.of(y))
    x:fill_(2)
    assert.equal(24, y:sum():item())
  end))

  it("passes a gradient on as it is", task(function()
    local x = moon.randn(3, 4):requires_grad()
    local dy = moon.randn(3, 4);
    (x:shield() * dy):sum():backward()
    assert.is_true(bits.of(dy) == bits.of(x.grad))
  end))

  it("makes zero of one that carries an error", task(function()
    local x = moon.randn(3, 4):requires_grad()
    local dy = moon.randn(3, 4);
    ((frail(x:shield()) + x) * dy):sum():backward()
    assert.is_true(bits.of(dy) == bits.of(x.grad))
  end))

  it("without it the gradient of x carries that error", task(function()
    local x = moon.randn(3, 4):requires_grad()
    frail(x):sum():backward()
    assert.has_error(function() x.grad:await() end)
  end))

  it("takes no element, and a scalar", task(function()
    for _, shape in ipairs{ { 0, 3 }, {} } do
      local x = moon.zeros(shape):requires_grad()
      x:shield():sum():backward()
      assert.same(shape, x.grad:shape())
    end
  end))
end)
