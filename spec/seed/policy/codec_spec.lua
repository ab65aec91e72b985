local codec = require "moonseed.seed.policy.codec"

local function round_trip(value)
  return codec.decode(codec.encode(value))
end

describe("codec", function()
  it("gives back nested tables", function()
    local value = { 1, "two", { three = true, four = false }, name = "x",
                    [0] = "zero", [-1.5] = "minus" }
    assert.same(value, round_trip(value))
  end)

  it("gives back numbers exactly", function()
    for _, x in ipairs{ 0.1, 1 / 3, 2 ^ 53 - 1, 5e-324, 1.7976931348623157e308,
                        -2 ^ -1074, math.pi } do
      assert.equal(x, round_trip(x))
    end
    assert.equal(-math.huge, 1 / round_trip(-0))
  end)

  it("gives back infinities and NaN", function()
    local t = round_trip{ math.huge, -math.huge, 0 / 0 }
    assert.equal(math.huge, t[1])
    assert.equal(-math.huge, t[2])
    assert.are_not.equal(t[3], t[3])
  end)

  it("gives back any bytes", function()
    local text = "s3:}{\0\n\255n1;" .. ("x"):rep(1000)
    assert.same({ [text] = text }, round_trip{ [text] = text })
  end)

  it("gives equal strings for equal tables, however they were made", function()
    local a, b = {}, {}
    for i = 1, 40 do a["key" .. i] = i end
    for i = 40, 1, -1 do b["key" .. i] = i end
    assert.equal(codec.encode(a), codec.encode(b))
  end)

  it("refuses what is no plain value and names it", function()
    assert.error_matches(function()
      codec.encode({ memory = { f = print } }, "the state")
    end, "^the state%.memory%.f is a function; expected numbers")
    assert.error_matches(function() codec.encode({ [{}] = 1 }, "t") end,
                         "^t has a key that is a table")
  end)

  it("refuses a table inside itself", function()
    local t = {}
    t.t = t
    assert.error_matches(function() codec.encode(t) end,
                         "a table inside itself")
  end)

  it("refuses broken text at every length", function()
    local text = codec.encode{ 1, "two", { a = true } }
    for n = 0, #text - 1 do
      assert.error_matches(function() codec.decode(text:sub(1, n)) end,
                           "^codec: at byte")
    end
    assert.error_matches(function() codec.decode(text .. "t") end,
                         "more than one value")
  end)

  it("runs no code that it decodes", function()
    assert.error_matches(function() codec.decode "os.exit(1)" end,
                         "^codec: at byte 1: no value")
  end)
end)
