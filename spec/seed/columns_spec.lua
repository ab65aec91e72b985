-- Text in columns: widths, cutting, padding, numbers.
local columns = require "moonseed.seed.columns"

describe("columns", function()
  it("count characters, not bytes", function()
    assert.equal(3, columns.width("a▓é"))
    assert.equal(0, columns.width(""))
  end)

  it("cut between characters, with a mark", function()
    assert.equal("▓▓…", columns.cut("▓▓▓▓", 3))
    assert.equal("ab~", columns.cut("abcd", 3, true))
    assert.equal("abc", columns.cut("abc", 3))
  end)

  it("fill up with spaces", function()
    assert.equal("é   ", columns.pad("é", 4))
    assert.equal("   é", columns.pad("é", 4, true))
    assert.equal("long", columns.pad("long", 2))
  end)

  it("keep a text on its line", function()
    assert.equal("a b [31mc", columns.line("a\n  b\r\27[31mc"))
    assert.equal("3", columns.line(3))
  end)

  it("set thousands apart", function()
    local expected = { [0] = "0", [12] = "12", [999] = "999",
                       [1000] = "1,000", [1234567] = "1,234,567",
                       [-12345] = "-12,345", [100000] = "100,000",
                       [math.huge] = "inf" }
    for n, text in pairs(expected) do
      assert.equal(text, columns.thousands(n))
    end
  end)

  it("give three digits and a prefix", function()
    local expected = { [0] = "0", [12] = "12", [999] = "999", [1000] = "1.00 k",
                       [1812992] = "1.81 M", [18129920] = "18.1 M",
                       [181299200] = "181 M", [999600] = "1.00 M",
                       [2.5e12] = "2.50 T" }
    for n, text in pairs(expected) do assert.equal(text, columns.short(n)) end
  end)
end)
