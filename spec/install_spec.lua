-- make install PREFIX=, and what it installs, used from another folder.

local shell = require "support.shell"

describe("make install", function()
  local folder, remove, prefix, output, status

  local function make(target)
    return shell.run(shell.plain .. "make -s " .. target .. " PREFIX='"
                     .. prefix .. "'")
  end

  -- Runs the installed launcher, from a folder that is not ours.
  local function moonseed(arguments)
    return shell.run(("cd '%s' && %s '%s/bin/moonseed' %s"):format(
      folder, shell.clean, prefix, arguments))
  end

  -- Paths of the files in a folder, sorted.
  local function files(place, pattern)
    return (shell.run(("cd '%s' && find . -type f -name '%s' | LC_ALL=C sort")
      :format(place, pattern)))
  end

  setup(function()
    folder, remove = shell.folder()
    prefix = folder .. "/a prefix"
    output, status = make "install"
  end)

  teardown(function() remove() end)

  it("succeeds", function() assert.equal(0, status, output) end)

  it("has every Lua file of the source, whatever its folder", function()
    local there = prefix .. "/share/lua/5.1/moonseed"
    local list = files(there, "*.lua")
    for path in files("lua/moonseed", "*.lua"):gmatch "[^\n]+" do
      assert.matches(path .. "\n", list, 1, true)
    end
    assert.equal(files("scripts/policies", "*.lua"),
                 files(there .. "/policies", "*.lua"))
  end)

  it("has the header, for C and for Lua", function()
    for _, place in ipairs{ "include", "share/lua/5.1/moonseed" } do
      local _, differs = shell.run(("cmp core/moonseed.h '%s/%s/moonseed.h'")
        :format(prefix, place))
      assert.equal(0, differs)
    end
  end)

  it("has the pages, which link to each other as here", function()
    local there = prefix .. "/share/doc/moonseed/"
    for link in io.open "README.md":read "*a":gmatch "%]%((docs/[^)#]+)" do
      assert.is_not_nil(io.open(there .. link), link)
    end
  end)

  it("computes, from another folder", function()
    assert.equal("3\n", (moonseed "-e 'print(moon.ones(3):sum():item())'"))
  end)

  it("runs its own files and library", function()
    local text, failed = moonseed "doctor"
    assert.equal(0, failed, text)
    assert.matches(prefix .. "/lib/lua/5.1/moonseed/libmoonseed.so", text, 1,
                   true)
    assert.matches(prefix .. "/share/lua/5.1/moonseed/policies", text, 1, true)
  end)

  it("loads every part and grows by an installed policy", function()
    local file = assert(io.open(folder .. "/grow.lua", "w"))
    file:write([[
      local moon = require "moonseed"
      local nn, seed = moon.nn, moon.seed
      local model = nn.Sequential{
        nn.Conv2d{ 1, 4, kernel = 3, padding = 1 }, seed.Slot{ "early" },
        nn.GlobalAvgPool2d{}, nn.Linear{ 4, 2 },
      }
      local x, y = moon.randn(8, 1, 6, 6), moon.zeros(8, { dtype = "i64" })
      local data = moon.data.tensors{ x, y }
      local garden = seed.Garden{ model, valid = data, classes = 2,
                                  policy = ... }
      print(garden:epoch().loss > 0)
      garden:slot("early"):germinate("conv_light")
      print(garden:slot("early"):stage())
      garden:close()]])
    file:close()
    assert.equal("true\nGERMINATED\n", (moonseed(
      ("grow.lua '%s/share/lua/5.1/moonseed/policies/plateau.lua'"):format(
        prefix))))
  end)

  it("takes what an older version left", function()
    local old = prefix .. "/share/lua/5.1/moonseed/old.lua"
    assert(io.open(old, "w")):close()
    make "install"
    assert.is_nil(io.open(old))
  end)

  it("is undone by make uninstall, down to the last file", function()
    local _, failed = make "uninstall"
    assert.equal(0, failed)
    assert.equal("", files(prefix, "*"))
  end)
end)
