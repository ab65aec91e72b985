local failure = require "moonseed.repl.failure"

describe("an error as text", function()
  local trace = table.concat({ "stack traceback:",
    "\t[C]: in function 'error'",
    "\tline1:1: in function 'f'",
    "\t.../lib/lua/moonseed/repl/lines.lua:71: in function <...>",
    "\tline2:1: in function 'fn'",
    "\t[C]: in function 'xpcall'" }, "\n")

  it("has the user's own frames", function()
    assert.equal("line1:1: no\n\tline1:1: in function 'f'\n"
                 .. "\tline2:1: in the line",
                 failure.text("line1:1: no", trace))
  end)

  it("has none when they only repeat where it arose", function()
    assert.equal("no", failure.text("no", trace:gsub("\tline1[^\n]*\n", "")))
    assert.equal("no", failure.text("no", nil))
    assert.equal("line1:1: interrupted",
                 failure.text("line1:1: interrupted", trace))
  end)

  it("may be a table", function()
    assert.equal("{ code = 5 }", failure.text({ code = 5 }))
  end)
end)
