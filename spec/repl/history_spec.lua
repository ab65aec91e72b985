local files = require "support.files"
local history = require "moonseed.repl.history"

describe("the history", function()
  local folder, remove, path

  before_each(function()
    folder, remove = files.folder()
    path = folder .. "/history"
  end)

  after_each(function() remove() end)

  it("is there in the next session", function()
    local first = history.open(path)
    first:add "one"
    first:add "two\n  rows \\n"
    assert.same({ "one", "two\n  rows \\n" }, history.open(path).list)
  end)

  it("leaves out what is empty, or the same as before", function()
    local h = history.open(path)
    for _, text in ipairs{ "a", "a", " ", "", "b", "a" } do h:add(text) end
    assert.same({ "a", "b", "a" }, history.open(path).list)
  end)

  it("keeps the lines of sessions side by side", function()
    local a, b = history.open(path), history.open(path)
    a:add "from a"
    b:add "from b"
    a:add "from a again"
    assert.same({ "from a", "from b", "from a again" },
                history.open(path).list)
    assert.same({ "from b" }, b.list)
  end)

  it("is bounded, also while another session adds to it", function()
    local lines = {}
    for i = 1, 4500 do lines[i] = "line " .. i end
    files.write(path, table.concat(lines, "\n") .. "\n")
    local other = history.open(path)
    assert.equal(2000, #other.list)
    assert.equal("line 4500", other.list[2000])
    local again = history.open(path)
    other:add "after"
    again:add "after that"
    local list = history.open(path).list
    assert.equal("after that", list[#list])
    assert.equal("after", list[#list - 1])
    assert.is_true(#files.read(path) < 2100 * 10)
  end)

  it("finds the newest that contains a text", function()
    local h = history.open(nil)
    for _, text in ipairs{ "plot(run)", "x = 1", "plot(x)" } do h:add(text) end
    assert.equal(3, h:find("plot", 4))
    assert.equal(1, h:find("plot", 3))
    assert.is_nil(h:find("plot", 1))
    assert.equal(3, h:find("(x)", 99))
  end)

  it("works in memory where no file can be written", function()
    local h = history.open "/proc/nowhere/history"
    h:add "a"
    assert.same({ "a" }, h.list)
  end)
end)
