local keys = require "moonseed.repl.keys"

-- The events of some bytes, in short: names of keys, texts in quotes.
local function read(...)
  local decoder, names = keys.new(), {}
  for _, bytes in ipairs{ ... } do
    for _, event in ipairs(decoder:feed(bytes)) do
      names[#names + 1] = event.key or ("'%s'"):format(event.text
        or "paste:" .. event.paste)
    end
  end
  return table.concat(names, " "), decoder
end

describe("keys", function()
  it("are text or names", function()
    assert.equal("'ab' enter tab backspace ctrl-a", (read "ab\r\t\127\1"))
  end)

  it("know the sequences of arrows, Home, End and Delete", function()
    assert.equal("up down right left home end delete",
                 (read "\27[A\27[B\27[C\27OD\27[H\27[4~\27[3~"))
    assert.equal("ctrl-right alt-left", (read "\27[1;5C\27[1;3D"))
  end)

  it("know Alt", function()
    assert.equal("alt-b alt-backspace alt-enter", (read "\27b\27\127\27\r"))
  end)

  it("may come in pieces", function()
    assert.equal("up 'x'", (read("\27", "[", "A", "x")))
    assert.equal("'\195\169'", (read("\195", "\169")))
    assert.equal("'\230\188\162'", (read("\230", "\188", "\162")))
  end)

  it("take a lone escape for a key when nothing follows", function()
    local names, decoder = read "\27"
    assert.equal("", names)
    assert.same({ { key = "escape" } }, decoder:flush())
    assert.same({}, decoder:flush())
  end)

  it("keep what is pasted together", function()
    assert.equal("'paste:a\nb' 'c'", (read("\27[200~a\r", "b\27[201~c")))
  end)

  it("pass over sequences that mean nothing here", function()
    assert.equal("unknown 'a'", (read "\27[99;9za"))
  end)

  it("pass over bytes that are no UTF-8", function()
    assert.equal("'a\255b' enter", (read "a\255b\r"))
  end)
end)
