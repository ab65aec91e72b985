local bits = require "support.bits"
local moon = require "moonseed"
local op = require "support.op"
local task = require "support.task"

describe("random", function()
  -- Seeded: bounds are 3.6 standard deviations and more, which one run in a few
  -- thousand would break.
  op.everywhere("is uniform in [0, 1)", function(device)
    moon.manual_seed(1)
    local x = moon.rand(4000, { device = device })
    assert.is_true(x:min():item() >= 0)
    assert.is_true(x:max():item() < 1)
    assert.near(0.5, x:mean():item(), 0.02)
    assert.near(1 / 12, x:var():item(), 0.005)
  end)

  op.everywhere("is normal", function(device)
    moon.manual_seed(1)
    local x = moon.randn(4000, { dtype = "f64", device = device })
    assert.near(0, x:mean():item(), 0.06)
    assert.near(1, x:var():item(), 0.08)
  end)

  op.everywhere("draws whole numbers in [low, high)", function(device)
    local x = moon.randint(-2, 3, 500, { device = device })
    assert.equal(-2, x:min():item())
    assert.equal(2, x:max():item())
  end)

  it("gives every device the same numbers", task(function()
    local first
    op.on_each(function(device)
      moon.manual_seed(3)
      local options = { device = device }
      local all = moon.cat{ moon.rand(7, options), moon.randn(7, options) }
      first = first or op.flat(all)
      op.assert_near(first, op.flat(all), 1e-6, device)
    end)
  end))

  it("gives every device the same whole numbers", task(function()
    for _, case in ipairs{ { "i64", -5, 1000 }, { "i64", -2 ^ 63, 2 ^ 62 },
                           { "i64", 2 ^ 40, 2 ^ 41 }, { "i32", -9, 2 ^ 31 },
                           { "u8", 0, 256 }, { "f32", -3, 77 },
                           { "f64", -3, 77 }, { "bool", 0, 2 } } do
      for _, n in ipairs{ 1, 3, 2050 } do
        local first
        op.on_each(function(device)
          moon.manual_seed(7)
          moon.rand(1)
          local found = bits.of(moon.randint(case[2], case[3], n, {
            dtype = case[1], device = device }))
          first = first or found
          assert.is_true(first == found, case[1] .. " on " .. device)
        end)
      end
    end
  end))

  it("repeats with the seed and goes on without", task(function()
    moon.manual_seed(11)
    local a, b = moon.rand(5), moon.rand(5)
    moon.manual_seed(11)
    assert.same(a:totable(), moon.rand(5):totable())
    assert.same(b:totable(), moon.rand(5):totable())
    assert.is_not.same(a:totable(), b:totable())
  end))

  it("orders 0 to n - 1 at random", task(function()
    local order = moon.randperm(50):totable()
    assert.is_not.same(moon.arange(50, { dtype = "i64" }):totable(), order)
    table.sort(order)
    assert.same(moon.arange(50, { dtype = "i64" }):totable(), order)
    assert.same({ 0 }, moon.randperm(0):shape())
  end))

  op.refuses("normal integers", "randn: i64; take f32 or f64", function()
    moon.randn(2, { dtype = "i64" })
  end)
  op.refuses("an empty range", "randint: whole numbers between 3 and 3",
             function() moon.randint(3, 3, 2) end)
end)
