-- The rock: luarocks make, offline, into a folder of its own.

local shell = require "support.shell"

local ROCKSPEC = "rocks/moonseed-scm-1.rockspec"
local _, missing = shell.run "command -v luarocks"

describe("the rock", function()
  if missing ~= 0 then
    pending "needs luarocks, which scripts/setup --dev installs"
    return
  end

  local folder, remove, tree

  local function luarocks(arguments)
    return shell.run(("%s HOME='%s' luarocks --tree '%s' %s"):format(
      shell.plain, folder, tree, arguments))
  end

  setup(function()
    folder, remove = shell.folder()
    tree = folder .. "/tree"
  end)

  teardown(function() remove() end)

  it("is built and installed without a network", function()
    local output, status = luarocks("--only-server=/nowhere make "
                                    .. "--deps-mode=none " .. ROCKSPEC)
    assert.equal(0, status, output)
    assert.matches("moonseed scm-1 is now installed", output, 1, true)
  end)

  it("has the launcher, which runs from any folder", function()
    local output, status = shell.run(
      ("cd / && %s '%s/bin/moonseed' -e 'print(moon.ones(3):sum():item())'")
        :format(shell.clean, tree))
    assert.equal("3\n", output)
    assert.equal(0, status)
  end)

  it("is found by require, with the paths that luarocks tells", function()
    local lua, c = "/share/lua/5.1/", "/lib/lua/5.1/?.so;;"
    local paths = ("LUA_PATH='%s%s?.lua;%s%s?/init.lua;;' LUA_CPATH='%s%s'")
      :format(tree, lua, tree, lua, tree, c)
    local told = luarocks "--lua-version=5.1 path"
    assert.matches(tree .. "/share/lua/5.1/?.lua", told, 1, true)
    assert.matches(tree .. "/lib/lua/5.1/?.so", told, 1, true)
    local output = shell.run("cd / && " .. shell.clean .. paths
      .. " luajit -e 'local moon = require \"moonseed\" "
      .. "print(moon.tensor{ 1, 2 }:sum():item(), "
      .. "#moon.seed.blueprint.names() > 5)'")
    assert.equal("3\ttrue\n", output)
  end)

  it("is removed by luarocks, down to the last file", function()
    local output, status = luarocks "remove moonseed"
    assert.equal(0, status, output)
    assert.equal("", (shell.run(("find '%s' -type f -path '*moonseed*'")
      :format(tree))))
  end)
end)
