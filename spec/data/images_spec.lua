-- Folders of pictures as data sets.
local task = require "support.task"
local files = require "support.files"
local ticks = require "support.ticks"
local moon = require "moonseed"
local uv = require "luv"

local CORPUS = "spec/fuzz/corpus/"
local exact = { rtol = 0, atol = 0 }

-- A folder of folders; the returned function removes it.
local function tree(content)
  local root = files.folder()
  for name, from in pairs(content) do
    local path = root
    for part in name:gmatch "([^/]+)/" do
      path = path .. "/" .. part
      uv.fs_mkdir(path, 493)
    end
    if not name:find "/$" then
      files.write(root .. "/" .. name, files.read(CORPUS .. from))
    end
  end
  return root, function() os.execute("rm -r " .. root) end
end

describe("moon.data.images", function()
  it("labels pictures by their folder", task(function()
    local root, remove = tree{
      ["dog/2.png"] = "png/good-rgb", ["dog/1.jpg"] = "jpeg/good-444",
      ["cat/deep/a.JPEG"] = "jpeg/good-grey", ["cat/b.png"] = "png/good-alpha",
      ["cat/notes.txt"] = "png/bad-text", ["stray.png"] = "png/good-rgb",
      [".hidden/x.png"] = "png/good-rgb", ["cat/.y.png"] = "png/good-rgb",
    }
    local data = moon.data.images{ root, size = { 6, 8 } }
    assert.equal(4, #data)
    assert.same({ "cat", "dog" }, data.classes)
    assert.same({ 0, 0, 1, 1 }, data.y:totable())
    assert.equal("dataset of 4 examples 3x6x8", tostring(data))
    assert.same({ 4, 3, 6, 8 }, data.x:shape())
    assert.equal("f32", data.x:dtype())
    local paths = { root .. "/cat/b.png", root .. "/cat/deep/a.JPEG",
                    root .. "/dog/1.jpg", root .. "/dog/2.png" }
    local direct = moon.data.pictures(paths, { { 6, 8 } }):to "f32" / 255
    assert.is_true(moon.allclose(data.x, direct, { rtol = 1e-6, atol = 0 }))
    remove()
  end))

  it("has parts, batches and a cache like any other", task(function()
    local root, remove = tree{
      ["a/1.png"] = "png/good-rgb", ["a/2.png"] = "png/good-16",
      ["b/1.png"] = "png/good-grey", ["b/2.png"] = "png/good-palette",
      ["b/3.jpg"] = "jpeg/good-420" }
    local data = moon.data.images{ root, size = 5, channels = 1,
                                   fit = "cover" }
    local kept = data:cache()
    assert.equal("u8", kept.source.x:dtype())
    assert.same({ 5, 1, 5, 5 }, kept.source.x:shape())
    local options = { 2, shuffle = true, flip = true, rng_seed = 3 }
    local a, b = data:batches(options), kept:batches(options)
    for _ = 1, 3 do
      local ax, ay = a()
      local bx, by = b()
      assert.is_true(moon.allclose(ax, bx, exact))
      assert.same(by:totable(), ay:totable())
    end
    local rest, picked = data:split{ 2, rng_seed = 1 }
    assert.equal(3, #rest)
    assert.same({ 2, 1, 5, 5 }, picked.x:shape())
    remove()
  end))

  it("takes classes in the order that is given", task(function()
    local root, remove = tree{ ["a/1.png"] = "png/good-rgb",
      ["b/1.png"] = "png/good-rgb", ["c/1.png"] = "png/good-rgb" }
    local data = moon.data.images{ root, size = 4, classes = { "c", "a" } }
    assert.same({ 1, 0 }, data.y:totable())
    assert.error_matches(function()
      moon.data.images{ root, size = 4, classes = { "a", "z" } }
    end, "images: there is no folder 'z' %(class 2%) in")
    remove()
  end))

  it("has no targets where there are no folders", task(function()
    local root, remove = tree{ ["2.png"] = "png/good-grey",
                               ["1.png"] = "png/good-rgb" }
    local data = moon.data.images{ root, size = 4 }
    assert.equal(2, #data)
    assert.is_nil(data.y)
    assert.is_false(data.labelled)
    remove()
  end))

  it("names the picture that cannot be read", task(function()
    local root, remove = tree{ ["a/1.png"] = "png/good-rgb",
      ["a/2.png"] = "png/bad-checksum", ["a/3.png"] = "png/good-rgb" }
    local data = moon.data.images{ root, size = 4 }
    local batches = data:batches{ 1 }
    assert.is_true(moon.is_tensor((batches():await())))
    local bad = batches()
    assert.error_matches(function() bad:await() end,
                         "pictures: .*a/2.png: png: IDAT: incorrect data check")
    batches():await()
    os.remove(root .. "/a/3.png")
    assert.error_matches(function() data:get(3):await() end,
                         "a/3.png: No such file")
    remove()
  end))

  it("says what is wrong with a folder", task(function()
    local function fails(text, options)
      assert.error_matches(function() moon.data.images(options) end, text, 1,
                           true)
    end
    fails("images: size is missing", { "spec" })
    fails("images: /nowhere/: No such file", { "/nowhere", size = 4 })
    fails("README.md/: Not a directory", { "README.md", size = 4 })
    local root, remove = tree{ ["a/1.png"] = "png/good-rgb", ["b/"] = "" }
    fails("there are no pictures in " .. root .. "/b", { root, size = 4 })
    fails("there are no pictures in " .. root .. "/b",
          { root .. "/b", size = 4 })
    os.execute(("ln -s . %s/b/again"):format(root))
    fails("more than 16 folders in one another", { root, size = 4 })
    remove()
  end))

  it("decodes while a 1 ms timer ticks on", task(function()
    local content = {}
    for i = 1, 40 do content["a/" .. i .. ".jpg"] = "jpeg/good-420" end
    local root, remove = tree(content)
    local data = moon.data.images{ root, size = 224 }
    local before = moon.stats().blocked_waits
    ticks.assert_kept(function()
      for _ = 1, 4 do
        for x in data:batches{ 16 } do x:await() end
      end
    end)
    assert.equal(before, moon.stats().blocked_waits)
    remove()
  end))

  it("is read again from what is written down of it", task(function()
    local rows = require "moonseed.data.rows"
    local root, remove = tree{ ["a/1.png"] = "png/good-rgb",
                               ["b/1.png"] = "png/good-16" }
    local data = moon.data.images{ root, size = 4 }
    local origin = rows.describe(data)
    local again = moon.data[origin[1]](origin[2])
    assert.is_true(moon.allclose(data.x, again.x, exact))
    remove()
  end))
end)
