-- docs/reference.md, lua/moonseed/types.lua and the table of operations in
-- README.md: made from the sources, complete and current.

local moon = require "moonseed"
local files = require "support.files"
local shell = require "support.shell"
local methods = require("moonseed.tensor").methods

local REFERENCE, TYPES = "docs/reference.md", "lua/moonseed/types.lua"
local CHECK = "luajit scripts/docs/generate.lua --check"

-- Whether `name` is a function that users are told of.
local function is_told(name, value)
  return type(value) == "function" and not name:find "^_"
end

describe("the reference", function()
  local page = files.read(REFERENCE)

  local function has(heading)
    return page:find("\n#### `" .. heading, 1, true) ~= nil
  end

  it("is current, and so are the declarations for editors", function()
    local output, status = shell.run(CHECK)
    assert.equal(0, status, output)
  end)

  it("has every function of moon", function()
    for name, value in pairs(moon) do
      if is_told(name, value) and methods[name] ~= value then
        assert.is_true(has("moon." .. name .. "("), name)
      end
    end
  end)

  it("has every method of a tensor", function()
    for name, value in pairs(methods) do
      if is_told(name, value) then
        assert.is_true(has("Tensor:" .. name .. "("), name)
      end
    end
  end)

  it("has every layer, optimiser and part of growth", function()
    for _, name in ipairs{ "nn.Conv2d{", "nn.Flatten{", "nn.Sequential{",
                           "optim.SGD{", "data.fashion_mnist{",
                           "Dataset:batches{", "seed.Garden{", "seed.Slot{",
                           "Slot:germinate(", "seed.tournament{",
                           "Seed:history(" } do
      assert.is_true(has(name), name)
    end
  end)

  it("has each heading once", function()
    local seen = {}
    for heading in page:gmatch "\n#### ([^\n]+)" do
      assert.is_nil(seen[heading], heading)
      seen[heading] = true
    end
  end)

  it("links to sections that are there", function()
    local anchors = {}
    for title in page:gmatch "\n## ([^\n]+)" do
      anchors[title:lower():gsub("[^%w_ -]", ""):gsub(" ", "-")] = true
    end
    for anchor in page:gmatch "%]%(#([^)]+)%)" do
      assert.is_true(anchors[anchor], anchor)
    end
  end)
end)

describe("the declarations for editors", function()
  local declared = assert(loadfile(TYPES))()

  it("declare every function of moon, once it is asked for", function()
    for name, value in pairs(moon) do
      if is_told(name, value) then
        assert.is_function(declared[name], name)
      end
    end
  end)

  it("declare the parts with what they hold", function()
    assert.is_table(declared.nn.Conv2d)
    assert.is_function(declared.nn.cross_entropy)
    assert.is_table(declared.optim.SGD)
    assert.is_function(declared.optim.Optimiser.step)
    assert.is_function(declared.data.csv)
    assert.is_function(declared.seed.Garden.epoch)
  end)

  it("know no tensor as userdata", function()
    for line in files.read(TYPES):gmatch "[^\n]+" do
      if line:find "^%-%-%-@" and line:find "userdata" then
        assert.matches("moon_%w+", line)
      end
    end
  end)
end)

describe("the check of the reference", function()
  local folder, remove, build

  setup(function()
    build = shell.run 'readlink -f "${BUILD:-build}"':gsub("%s+$", "")
    folder, remove = shell.folder()
    shell.run(("cp -r lua scripts docs README.md '%s'"):format(folder))
    shell.run(("ln -s \"$PWD/core\" '%s'"):format(folder))
  end)

  teardown(function() remove() end)

  -- On a copy of the sources in which one file has changed.
  local function check_with(path, change)
    local text = files.read(path)
    files.write(folder .. "/" .. path, change(text))
    local output, status = shell.run(("cd '%s' && BUILD='%s' %s"):format(
      folder, build, CHECK))
    files.write(folder .. "/" .. path, text)
    return output, status
  end

  local function at_the_end(code)
    return function(text)
      return (text:gsub("\nreturn M\n$", "\n" .. code .. "\nreturn M\n"))
    end
  end

  it("passes a copy that is as it was", function()
    local output, status = check_with("lua/moonseed/verbs.lua",
                                      function(text) return text end)
    assert.equal(0, status, output)
  end)

  it("fails for a public function without a comment", function()
    local output, status = check_with("lua/moonseed/verbs.lua",
      at_the_end "function M.unheard() end")
    assert.equal(1, status)
    assert.matches("verbs.lua:%d+: moon.unheard: no description", output)
  end)

  it("fails for a function with a comment but no entry yet", function()
    local output, status = check_with("lua/moonseed/verbs.lua",
      at_the_end "--- Says nothing.\nfunction M.unheard() end")
    assert.equal(1, status)
    assert.matches("reference.md:1: is not current", output, 1, true)
    assert.matches("types.lua:1: is not current", output, 1, true)
  end)

  it("fails for a comment that has changed", function()
    local output, status = check_with("lua/moonseed/verbs.lua",
      function(text) return (text:gsub("Suspends for", "Sleeps for")) end)
    assert.equal(1, status)
    assert.matches("is not current", output)
  end)

  it("fails for a class that is named and defined nowhere", function()
    local output, status = check_with("lua/moonseed/verbs.lua",
      at_the_end "--- One.\n---@return Nowhere\nfunction M.unheard() end")
    assert.equal(1, status)
    assert.matches("names the class Nowhere, which nobody defines", output)
  end)

  it("fails for an operation that no call covers", function()
    local output, status = check_with("lua/moonseed/pick.lua",
      at_the_end "--- x.\n---@return userdata\nfunction M.same(x) return x end")
    assert.equal(1, status)
    assert.matches("operation same: neither called nor excepted", output, 1,
                   true)
  end)

  it("fails for a kernel that no call runs", function()
    local output, status = check_with("scripts/docs/calls.lua", function(text)
      return (text:gsub('"tril triu"', '""')
        :gsub("%[%[shape size", "%0 tril triu"))
    end)
    assert.equal(1, status)
    assert.matches("kernel triangle: neither called nor excepted", output, 1,
                   true)
  end)

  it("fails for a call that no dtype can make", function()
    local output, status = check_with("scripts/docs/calls.lua", function(text)
      return (text:gsub("t%.m:tile%(2, 3%)", "t.m:tile(-1)"))
    end)
    assert.equal(1, status)
    assert.matches("tile has no dtype", output, 1, true)
  end)

  it("fails for a table that is not what was found", function()
    local output, status = check_with("README.md", function(text)
      return (text:gsub("| `randperm` | | i64", "| `randperm` | i64 | "))
    end)
    assert.equal(1, status)
    assert.matches("README.md:1: is not current", output, 1, true)
  end)

  it("fails for a made comment of what is there no more", function()
    local output, status = check_with("scripts/docs/made.lua",
      at_the_end 'M.comments["moon.gone"] = "Gone."')
    assert.equal(1, status)
    assert.matches("there is no moon.gone", output, 1, true)
  end)
end)
