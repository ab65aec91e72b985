local Buffer = require "moonseed.repl.buffer"

-- A buffer whose cursor is where the text has a |.
local function at(text)
  local buffer = Buffer.new()
  local before, after = text:match "^(.-)|(.*)$"
  buffer:set(before)
  buffer:insert ""
  buffer.text = before .. after
  return buffer
end

local function seen(buffer)
  return buffer.text:sub(1, buffer.at) .. "|" .. buffer.text:sub(buffer.at + 1)
end

local function moved(text, ...)
  local buffer = at(text)
  for _, where in ipairs{ ... } do buffer:move(where) end
  return seen(buffer)
end

describe("the buffer of a line", function()
  it("moves by characters, whatever their bytes", function()
    assert.equal("a|漢b", moved("a漢|b", "left"))
    assert.equal("a漢|b", moved("a|漢b", "right"))
    assert.equal("|e\204\129x", moved("e\204\129|x", "left"))
    assert.equal("|a", moved("|a", "left"))
    assert.equal("a|", moved("a|", "right"))
  end)

  it("moves by words", function()
    assert.equal("moon.|conv2d(x", moved("moon.conv2d|(x", "word_left"))
    assert.equal("moon|.conv2d", moved("|moon.conv2d", "word_right"))
    assert.equal("|  a", moved("  |a", "word_left", "word_left"))
  end)

  it("moves to the ends of a row, and of all", function()
    assert.equal("a\n|bc\nd", moved("a\nbc|\nd", "home"))
    assert.equal("a\nbc|\nd", moved("a\n|bc\nd", "end"))
    assert.equal("|a\nbc", moved("a\nb|c", "first"))
    assert.equal("a\nbc|", moved("|a\nbc", "last"))
  end)

  it("moves up and down in its column", function()
    local buffer = at "abc\nd\nefgh|"
    assert.is_true(buffer:up())
    assert.equal("abc\nd|\nefgh", seen(buffer))
    assert.is_true(buffer:up())
    assert.equal("a|bc\nd\nefgh", seen(buffer))
    assert.is_false(buffer:up())
    assert.is_true(buffer:down())
    assert.is_true(buffer:down())
    assert.is_false(buffer:down())
  end)

  it("deletes characters", function()
    local buffer = at "a漢|b"
    buffer:delete "left"
    assert.equal("a|b", seen(buffer))
    buffer:delete "right"
    assert.equal("a|", seen(buffer))
    buffer:delete "right"
    assert.equal("a|", seen(buffer))
  end)

  it("kills and yanks", function()
    local buffer = at "one two| three"
    buffer:kill_blank_word()
    assert.equal("one | three", seen(buffer))
    buffer:yank()
    assert.equal("one two| three", seen(buffer))
    buffer:kill "end"
    assert.equal("one two|", seen(buffer))
    buffer:kill "home"
    assert.equal("|", seen(buffer))
    buffer:yank()
    assert.equal("one two|", seen(buffer))
  end)

  it("kills the line break at the end of a row", function()
    local buffer = at "a|\nb"
    buffer:kill "end"
    assert.equal("a|b", seen(buffer))
  end)

  it("swaps the characters around the cursor", function()
    local buffer = at "ab|c"
    buffer:transpose()
    assert.equal("acb|", seen(buffer))
    buffer = at "ab|"
    buffer:transpose()
    assert.equal("ba|", seen(buffer))
    buffer = at "|ab"
    buffer:transpose()
    assert.equal("|ab", seen(buffer))
  end)
end)
