-- moon.reload: modules read again while the program runs.

local files = require "support.files"
local moon = require "moonseed"
local reload = require "moonseed.reload"
local task = require "support.task"

local nn = moon.nn

describe("reload", function()
  local folder, remove, old_path, numbered

  before_each(function()
    folder, remove = files.folder()
    old_path = package.path
    package.path = folder .. "/?.lua;" .. package.path
    numbered = (numbered or 0) + 1
  end)

  after_each(function()
    package.path = old_path
    for name in pairs(package.loaded) do
      if type(name) == "string" and name:find "^reloaded_" then
        reload.unwatch(name)
        package.loaded[name] = nil
      end
    end
    remove()
  end)

  -- A module of its own name per test.
  local function name() return "reloaded_" .. numbered end
  local function path() return folder .. "/" .. name() .. ".lua" end
  local function save(text) return files.write(path(), text) end
  local function load(text)
    save(text)
    return require(name())
  end

  local function fails(pattern)
    local ok, why = pcall(moon.reload, name())
    assert.is_false(ok)
    assert.matches(pattern, why)
    assert.matches("the old one stays", why, 1, true)
  end

  it("gives the module's table the new functions", task(function()
    local m = load "return { f = function() return 1 end }"
    save "return { f = function() return 2 end, g = function() return 3 end }"
    local event = moon.reload(name())
    assert.equal(2, m.f())
    assert.equal(3, m.g())
    assert.equal(m, require(name()))
    assert.same({ "f" }, event.changed)
    assert.same({ "g" }, event.added)
    assert.same({}, event.removed)
  end))

  it("finds a module by its file", task(function()
    local m = load "return { f = function() return 1 end }"
    save "return { f = function() return 2 end }"
    moon.reload(path())
    assert.equal(2, m.f())
  end))

  it("takes away a function that the file has no more", task(function()
    local m = load "return { f = function() end, g = function() end }"
    save "return { g = function() end }"
    assert.same({ "f" }, moon.reload(name()).removed)
    assert.is_nil(m.f)
    assert.is_function(m.g)
  end))

  it("tells what differs", task(function()
    load "return { f = function() return 1 end }"
    save "return { f = function() return 2 end }"
    assert.equal("reloaded " .. name() .. ": changed f",
                 tostring(moon.reload(name())))
    assert.equal("reloaded " .. name() .. ": no function differs",
                 tostring(moon.reload(name())))
  end))

  local class = [[
    local Point = {}
    Point.__index = Point
    function Point.new(x) return setmetatable({ x = x }, Point) end
    function Point:value() return self.x * %d end
    return { Point = Point }]]

  it("gives live objects of a class the new methods", task(function()
    local m = load(class:format(10))
    local Point, point = m.Point, m.Point.new(3)
    save(class:format(100))
    assert.same({ "Point.value" }, moon.reload(name()).changed)
    assert.equal(300, point:value())
    assert.equal(Point, m.Point)
    assert.equal(Point, getmetatable(m.Point.new(1)))
  end))

  it("does so again and again", task(function()
    local m = load(class:format(1))
    local point = m.Point.new(3)
    for i = 2, 4 do
      save(class:format(i))
      moon.reload(name())
      assert.equal(3 * i, point:value())
      assert.equal(3 * i, m.Point.new(3):value())
    end
  end))

  local layer = [[
    local nn = require("moonseed").nn
    local Scale = nn.Module:extend("Scale")
    function Scale:init(options) self.by = options[1] end
    function Scale:forward(x) return x * self.by * %d end
    return { make = function(by) return Scale{ by } end }]]

  it("reaches a layer whose class only its module knows", task(function()
    local m = load(layer:format(1))
    local model = nn.Sequential{ m.make(2) }
    assert.same({ 2 }, model(moon.ones(1)):totable())
    save(layer:format(10))
    moon.reload(name())
    assert.same({ 20 }, model(moon.ones(1)):totable())
    assert.same({ 30 }, m.make(3)(moon.ones(1)):totable())
  end))

  it("keeps data that the file does not name", task(function()
    local m = load "return { f = function() end, rate = 1 }"
    m.count = 7
    save "return { f = function() end, rate = 2 }"
    moon.reload(name())
    assert.equal(7, m.count)
    assert.equal(2, m.rate)
  end))

  it("keeps the old one when the text does not compile", task(function()
    local m = load "return { f = function() return 1 end }"
    save "return { f = function() return 2 end"
    fails(name() .. ".lua:1:.*expected")
    assert.equal(1, m.f())
  end))

  it("keeps the old one when the text fails as it runs", task(function()
    local m = load "return { f = function() return 1 end }"
    save "reloaded_global = 1\nlocal x = nil + 1\nreturn { f = print }"
    fails(name() .. ".lua:2: attempt to perform arithmetic")
    assert.equal(1, m.f())
    assert.is_nil(rawget(_G, "reloaded_global"))
  end))

  it("keeps the old one when the text returns something else", task(function()
    local m = load "return { f = function() return 1 end }"
    save "return 5"
    fails "returns a number, what serves is a table"
    assert.equal(m, require(name()))
  end))

  it("refuses what is not loaded", task(function()
    assert.has_error(function() moon.reload "no_such_module" end)
    local ok, why = pcall(moon.reload, "no_such_module")
    assert.is_false(ok)
    assert.matches("no module that is loaded", why)
  end))

  it("waits for a step boundary where a training has them", task(function()
    local m = load "return { f = function() return 1 end }"
    save "return { f = function() return 2 end }"
    local seen, go_on = {}, true
    local training = moon.spawn(function()
      while go_on do
        reload.boundary()
        local before = m.f()
        moon.sleep(5)
        seen[#seen + 1] = before == m.f()  -- a step sees one version
      end
    end)
    moon.sleep(1)
    moon.reload(name())
    assert.equal(2, m.f())
    go_on = false
    training:await()
    for _, same in ipairs(seen) do assert.is_true(same) end
  end))

  -- The next event of a list that a watch fills.
  local function wait_for(events, n)
    moon.timeout(30000, function()
      while #events < n do moon.sleep(5) end
    end)
    return events[n]
  end

  it("watches a file if told to, and survives a broken one", task(function()
    local m = load "return { f = function() return 1 end }"
    local events = {}
    moon.reload(name(), { watch = true, on_event = function(event)
      events[#events + 1] = event
    end })
    save "return { f = function() return 2 end }"
    assert.equal("reloaded", wait_for(events, 1).kind)
    assert.equal(2, m.f())
    save "return { f = function("
    local event = wait_for(events, 2)
    assert.equal("reload_failed", event.kind)
    assert.matches("<eof>", event.why)
    assert.equal(2, m.f())
    save "return { f = function() return 3 end }"
    assert.equal("reloaded", wait_for(events, 3).kind)
    assert.equal(3, m.f())
  end))
end)
