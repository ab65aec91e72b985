local moon = require "moonseed"
local show = require "moonseed.repl.show"

describe("a value as text", function()
  it("is as Lua would write it", function()
    assert.equal("nil", show.text(nil))
    assert.equal("0.1", show.text(0.1))
    assert.equal("1e+300", show.text(1e300))
    assert.equal("\"a\\n\\\"b\\\"\"", show.text "a\n\"b\"")
    assert.equal("{}", show.text {})
    assert.equal("{ 1, 2, a = true, [\"b c\"] = {} }",
                 show.text{ 1, 2, a = true, ["b c"] = {} })
  end)

  it("has a row an entry when one row is too short", function()
    local long = ("x"):rep(60)
    assert.equal("{\n  \"" .. long .. "\",\n  \"" .. long .. "\"\n}",
                 show.text{ long, long })
  end)

  it("is bounded", function()
    local list = {}
    for i = 1, 100000 do list[i] = i end
    assert.matches("40,?\n? *... 99960 more", show.text(list))
    assert.matches("... 9000 bytes$", show.text(("x"):rep(9000)))
    assert.is_true(#show.text(("x"):rep(9000)) < 2100)
    local deep = {}
    for _ = 1, 50 do deep = { deep } end
    assert.matches("{ ... }", show.text(deep), 1, true)
  end)

  it("tells of a table within itself", function()
    local t = {}
    t.t = t
    assert.equal("{ t = (the table itself) }", show.text(t))
  end)

  it("is what an object says of itself, unless that fails", function()
    local function object(fn) return setmetatable({}, { __tostring = fn }) end
    assert.equal("I", show.text(object(function() return "I" end)))
    assert.matches("__tostring failed.*no",
                   show.text(object(function() error "no" end)))
  end)

  it("has the values of a tensor, but within a table its shape only",
     function()
    assert.equal("{ 1, 1 }  2 f32 cpu",
                 show.text(moon.ones(2, { device = "cpu" })))
    assert.equal("{ tensor 2 f32 cpu }",
                 show.text{ moon.ones(2, { device = "cpu" }) })
  end)

  it("has at most 40 rows of a tensor", function()
    local _, rows = show.text(moon.ones(8, 8, 8, 8)):gsub("\n", "")
    assert.equal(40, rows)
  end)

  it("tells where a function is", function()
    assert.matches("show_spec.lua:%d+", show.text(function() end))
    assert.equal("function (built in)", show.text(os.time))
  end)
end)
