-- What a checkpoint is written to.

local files = require "support.files"
local moon = require "moonseed"
local task = require "support.task"
local Archive = require "moonseed.train.archive"

describe("an archive", function()
  local folder, remove

  before_each(function() folder, remove = files.folder() end)
  after_each(function() remove() end)

  local function saved(archive)
    local path = folder .. "/a.safetensors"
    archive:save(path)
    archive:dispose()
    return Archive.load(path)
  end

  it("has lists of numbers exactly", task(function()
    local list = { 0.1, -0, 1 / 3, math.huge, 5e-324, 2 ^ 53 - 1 }
    local archive = Archive.new():seal()
    archive:put_numbers("list", list)
    archive:put_numbers("none", {})
    local read = saved(archive)
    assert.same(list, read:numbers "list")
    assert.equal(-math.huge, 1 / read:numbers "list"[2])
    assert.same({}, read:numbers "none")
  end))

  it("has the table as it was when it was sealed", task(function()
    local archive = Archive.new()
    local metrics = { step = 3 }
    archive.plain.metrics = metrics
    archive:seal()
    metrics.step = 4
    assert.equal(3, saved(archive).plain.metrics.step)
  end))

  it("has a tensor as it was when it was put", task(function()
    local archive, x = Archive.new():seal(), moon.ones(3)
    archive:put("x", x)
    x:fill_(2)
    assert.same({ 1, 1, 1 }, saved(archive):get "x":totable())
  end))

  it("refuses two tensors of a name", task(function()
    local archive = Archive.new()
    archive:put_all("a.", { x = moon.ones(1) })
    assert.error_matches(function() archive:put("a.x", moon.ones(1)) end,
                         "two tensors are called a.x")
    archive:dispose()
  end))

  it("holds the loop for no long text", task(function()
    local archive, turns = Archive.new(), 0
    local list = {}
    for i = 1, 20000 do list[i] = { step = i, why = "x" } end
    archive.plain.list = list
    archive:seal()
    local saving = moon.spawn(function() saved(archive) end)
    moon.sleep(1)
    while not saving.done do
      turns = turns + 1
      moon.yield()
    end
    saving:await()
    assert.is_true(turns >= 3, turns)
  end))
end)
