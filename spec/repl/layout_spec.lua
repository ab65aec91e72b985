local layout = require "moonseed.repl.layout"
local width = require "moonseed.repl.width"

local prompts = { "> ", ". " }

local function input(text, at, columns)
  return layout.input(text, at or #text, prompts, columns)
end

describe("the layout of a line", function()
  it("breaks rows where they are full", function()
    local found = input("abcdefghij", nil, 6)
    assert.same({ "> abcd", "efghij", "" }, found.rows)
    assert.same({ 3, 0 }, { found.row, found.column })
  end)

  it("knows where the cursor is", function()
    local found = input("ab\ncd", 4, 10)
    assert.same({ "> ab", ". cd" }, found.rows)
    assert.same({ 2, 3 }, { found.row, found.column })
    found = input("ab\ncd", 2, 10)
    assert.same({ 1, 4 }, { found.row, found.column })
  end)

  it("does not break a wide character", function()
    assert.same({ "> a", "漢" }, input("a漢", nil, 4).rows)
  end)

  it("shows control characters and broken UTF-8", function()
    assert.same({ "> ^A?" }, input("\1\255", nil, 10).rows)
  end)

  it("counts no columns for colours", function()
    assert.equal(2, width.columns "\27[1;36m> \27[0m")
  end)

  it("cuts what is too wide", function()
    assert.equal("abcdef", width.fit("abcdef", 6))
    assert.equal("ab...", width.fit("abcdef", 5))
    assert.equal("漢...", width.fit("漢漢漢", 5))
  end)

  it("puts names in columns, and counts what is left out", function()
    assert.same({ "a   c", "bb" }, layout.columns({ "a", "bb", "c" }, 8, 5))
    assert.same({ "a", "... 3 in all" },
                layout.columns({ "a", "b", "c" }, 2, 2))
  end)

  it("shows the rows around the cursor in a window that is too low",
     function()
    local found = layout.stack(input("a\nb\nc\nd", 3, 10), { "above" }, {}, 2)
    assert.same({ ". b" }, { found.rows[found.row] })
    assert.equal(2, #found.rows)
  end)

  it("drops rows above and below before those of the line", function()
    local found = layout.stack(input("a", nil, 10), { "1", "2", "3" },
                               { "below" }, 4)
    assert.same({ "2", "3", "> a" }, found.rows)
    assert.equal(3, found.row)
  end)
end)

describe("text that is too wide", function()
  it("is broken between words, paragraph by paragraph", function()
    assert.equal("one two\nthree\nfour\n\nfive", width.wrap(
      "one two three\nfour\n\nfive", 9))
  end)

  it("keeps the indent of its row", function()
    assert.equal("  x   one\n      two\n  y   z",
                 width.wrap("  x   one two\n  y   z", 12))
  end)

  it("stays as it is where there is no blank", function()
    assert.equal("abcdefgh", width.wrap("abcdefgh", 4))
  end)
end)
