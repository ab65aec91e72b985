local moon = require "moonseed"
local op = require "support.op"

describe("multinomial", function()
  op.everywhere("draws rows as often as they weigh", function(device)
    for _, dtype in ipairs{ "f32", "f64" } do
      local w = moon.tensor({ 1, 0, 3, 4, 0 }, { dtype = dtype,
                                                 device = device })
      local rows = moon.multinomial(w, 8000)
      assert.equal("i64", rows:dtype())
      local count = { 0, 0, 0, 0, 0 }
      for _, row in ipairs(rows:totable()) do
        count[row + 1] = count[row + 1] + 1
      end
      assert.equal(0, count[2])
      assert.equal(0, count[5])
      for i, wanted in ipairs{ 1000, 0, 3000, 4000, 0 } do
        assert.is_true(math.abs(count[i] - wanted) < 200, count[i])
      end
    end
  end)

  op.everywhere("is told by the seed, with any number drawn", function(device)
    local w = moon.arange(1, 50, { device = device })
    moon.manual_seed(5)
    local many = moon.multinomial(w, 3000):totable()
    moon.manual_seed(5)
    local few = moon.multinomial(w, 10):totable()
    for i = 1, 10 do assert.equal(many[i], few[i]) end
  end)

  op.everywhere("may draw none, and of one", function(device)
    local w = moon.ones(1, { device = device })
    assert.same({ 0 }, moon.multinomial(w, 0):shape())
    assert.same({ 0, 0, 0 }, moon.multinomial(w, 3):totable())
  end)

  op.everywhere("carries the error of a weight", function(device)
    local function fails(list, text)
      local w = moon.tensor(list, { device = device })
      assert.error_matches(function() moon.multinomial(w, 3):await() end, text)
    end
    fails({ 1, -2 }, "multinomial: weight %-2 at position 2; finite ones")
    fails({ 0 / 0 }, "multinomial: weight %-?nan at position 1")
    fails({ 1, 1 / 0 }, "multinomial: weight inf at position 2")
    fails({ 0, 0 }, "multinomial: the weights sum to 0")
  end)

  op.refuses("a matrix", "multinomial: w has 2 dimensions (2x2), expected 1",
             function()
    moon.multinomial(moon.ones(2, 2), 1)
  end)
  op.refuses("no weights", "multinomial: no weights", function()
    moon.multinomial(moon.ones(0), 1)
  end)
  op.refuses("whole numbers", "multinomial: i64; cast it to f32 or f64",
             function()
    moon.multinomial(moon.ones(2, { dtype = "i64" }), 1)
  end)
end)
