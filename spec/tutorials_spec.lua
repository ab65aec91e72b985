-- The tutorials run from the first block to the last, and print what they say.

local files = require "support.files"
local page = require "support.page"

local FOLDER = "docs/tutorials"

describe("the tutorial", function()
  for _, name in ipairs(files.names(FOLDER)) do
    it(name .. " prints what it says", function()
      local output, status, parsed = page.run(FOLDER .. "/" .. name)
      assert.equal(0, status, output)
      assert.is_true(#parsed.expected > 5)
      assert.is_nil(page.compare(parsed, output))
    end)

    it(name .. " links to pages that are there", function()
      for link in files.read(FOLDER .. "/" .. name):gmatch "%]%(([^)#]+)" do
        assert.is_not_nil(io.open(FOLDER .. "/" .. link), link)
      end
    end)
  end
end)

describe("a page's code", function()
  local text = table.concat({
    "# A page", "```lua", "print(1)  --> 1", "```", "words",
    "```lua a.lua", "return 7", "```", "```sh", "exit 1", "```",
    "```lua", "print('a',  2) --> a 2", "--> b", "```" }, "\n")
  local parsed = page.parse(text)

  it("is what stands in its lua blocks, on the page's lines", function()
    assert.equal("\n\nprint(1)  --> 1\n\n\n\n\n\n\n\n\n\n"
                 .. "print('a',  2) --> a 2\n--> b\n", parsed.code)
  end)

  it("has files by the name on their fence", function()
    assert.same({ ["a.lua"] = "return 7\n" }, parsed.files)
  end)

  it("passes with the output that it states", function()
    assert.is_nil(page.compare(parsed, "1\na\t2\nb\n"))
  end)

  it("fails with another output, less of it or more", function()
    assert.matches("line 13 states\n  a 2\n.*  a 3",
                   page.compare(parsed, "1\na\t3\nb\n"))
    assert.matches("line 14 states b, nothing", page.compare(parsed, "1\na 2"))
    assert.matches("not stated: c", page.compare(parsed, "1\na 2\nb\nc\n"))
  end)
end)
