-- PNG and JPEG, against what Pillow makes of the same files
-- (spec/golden/make_pictures.py).
local moon = require "moonseed"
local files = require "support.files"
local golden = require "golden.pictures"
local task = require "support.task"
local pictures = moon.data.pictures

local CORPUS = "spec/fuzz/corpus/"

-- [C, H, W] or [1, C, H, W] as a flat list, rows first, channels innermost.
local function pixels(t)
  if t:ndim() == 4 then t = t[1] end
  return t:permute(2, 3, 1):contiguous():reshape(-1):totable()
end

-- How many elements differ, and by how much at most.
local function difference(expected, got)
  local count, most = 0, 0
  assert.equal(#expected, #got)
  for i, value in ipairs(expected) do
    if value ~= got[i] then count = count + 1 end
    most = math.max(most, math.abs(value - got[i]))
  end
  return count, most
end

describe("a picture", function()
  it("has Pillow's pixels", task(function()
    for _, case in ipairs(golden.decoded) do
      local kind = case.file:match "^%w+"
      local t = moon.load(CORPUS .. case.file, { format = kind })
      assert.equal("u8", t:dtype())
      assert.same({ case.shape[3], case.shape[1], case.shape[2] }, t:shape(),
                  case.file)
      local count, most = difference(case.values, pixels(t))
      assert.equal(0, count, case.file .. " by " .. most)
    end
  end))

  it("is resized as Pillow does it", task(function()
    for _, case in ipairs(golden.fitted) do
      local h, w, c = unpack(case.shape)
      local t = pictures({ CORPUS .. case.file },
                              { { h, w }, channels = c, fit = case.fit })
      assert.same({ 1, c, h, w }, t:shape())
      local count, most = difference(case.values, pixels(t))
      assert.equal(0, count, ("%s %s %dx%dx%d by %d"):format(case.file,
        case.fit, h, w, c, most))
    end
  end))

  it("comes in batches, the same on any number of threads", task(function()
    local paths = {}
    for i = 1, 12 do
      paths[i] = CORPUS .. golden.decoded[i % 8 + 1].file
    end
    local threads = moon.threads()
    local function all() return pictures(paths, { 6 }):totable() end
    local expected = all()
    moon.set_threads(1)
    assert.same(expected, all())
    moon.set_threads(threads)
    for i, path in ipairs(paths) do
      assert.same(expected[i], pictures({ path }, { 6 })[1]:totable())
    end
  end))

  it("may be none", task(function()
    assert.same({ 0, 3, 4, 5 }, pictures({}, { { 4, 5 } }):await():shape())
  end))

  it("that is damaged or missing is named", task(function()
    local good = CORPUS .. "png/good-rgb"
    local function fails(path, why)
      local t = pictures({ good, path, good }, { 4 })
      assert.error_matches(function() t:await() end,
                           "pictures: .*" .. path:gsub("%p", "%%%0") .. ": "
                           .. why)
    end
    fails(CORPUS .. "png/bad-checksum", "png: IDAT: incorrect data check")
    fails(CORPUS .. "jpeg/bad-cut-data", "jpeg: Premature end of JPEG file")
    fails("README.md", "is neither PNG nor JPEG")
    fails("/nowhere/x.png", "No such file")
    fails("spec", "is a folder")
    moon.synchronize()
    assert.equal(0, moon.stats().in_flight)
  end))

  it("is loaded by its ending", task(function()
    local folder, remove = files.folder()
    for ending, from in pairs{ png = "png/good-rgb", jpg = "jpeg/good-444",
                               jpeg = "jpeg/good-444",
                               JPG = "jpeg/good-444" } do
      local path = files.write(folder .. "/x." .. ending,
                               files.read(CORPUS .. from))
      assert.equal(3, moon.load(path):size(1))
    end
    local path = files.write(folder .. "/y.png",
                             files.read(CORPUS .. "jpeg/good-444"))
    assert.error_matches(function() moon.load(path) end, "is jpeg, not png")
    remove()
  end))

  it("refuses options that do not fit", task(function()
    local function fails(text, options)
      assert.error_matches(function() pictures({}, options) end, text, 1,
                           true)
    end
    fails("pictures: size is missing", {})
    fails("pictures: no fit 'tile' (stretch, cover)", { 4, fit = "tile" })
    fails("pictures: 2 channels; 1 or 3", { 4, channels = 2 })
    fails("pictures: a size of 65501x4", { { 65501, 4 } })
    fails("size is a whole number of at least 1, not 0", { 0 })
  end))
end)
