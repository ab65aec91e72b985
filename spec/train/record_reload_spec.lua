-- What a run's record has of modules that were read again.

local files = require "support.files"
local gardens = require "support.garden"
local moon = require "moonseed"
local reader = require "moonseed.train.report.reader"
local reload = require "moonseed.reload"
local task = require "support.task"

local NAME = "recorded_layers"

describe("the record of a run", function()
  local folder, remove, old_path

  before_each(function()
    folder, remove = files.folder()
    old_path = package.path
    package.path = folder .. "/?.lua;" .. package.path
  end)

  after_each(function()
    package.path = old_path
    package.loaded[NAME] = nil
    reload.unwatch(NAME)
    remove()
  end)

  local function save(rate)
    return files.write(folder .. "/" .. NAME .. ".lua",
      ("return { rate = function() return %s end }"):format(rate))
  end

  local function fit(options)
    moon.manual_seed(3)
    local model = gardens.model()
    local o = { model, train = gardens.data(96), epochs = 1e5, batch = 32,
                optim = moon.optim.SGD{ model, lr = 0.05 }, quiet = true,
                out = folder, rng_seed = 5 }
    for name, value in pairs(options or {}) do o[name] = value end
    return moon.train.fit(o)
  end

  -- The reload events of the run's record, once it has ended.
  local function recorded(run)
    run:cancel()
    pcall(run.await, run)
    local list = {}
    for _, entry in ipairs(reader.read(folder).events) do
      if entry.kind:find "^reload" then list[#list + 1] = entry.event end
    end
    return list
  end

  it("has the reload of a module, and its step", task(function()
    save(1)
    local layers = require(NAME)
    local run = fit{ schedule = function() return layers.rate() end }
    while run.metrics.step < 3 do moon.sleep(1) end
    save(2)
    moon.reload(NAME)
    local step = run.metrics.step
    local events = recorded(run)
    assert.equal(1, #events)
    assert.equal("reloaded", events[1].event)
    assert.equal(NAME, events[1].module)
    assert.same({ "rate" }, events[1].changed)
    assert.is_true(events[1].step >= 3 and events[1].step <= step)
  end))

  it("has one that failed, and why", task(function()
    save(1)
    require(NAME)
    local run = fit()
    while run.metrics.step < 3 do moon.sleep(1) end
    save "("
    assert.is_false((pcall(moon.reload, NAME)))
    local events = recorded(run)
    assert.equal(1, #events)
    assert.equal("reload_failed", events[1].event)
    assert.matches("unexpected symbol", events[1].why)
  end))

  it("has those of a watched file", task(function()
    save(1)
    require(NAME)
    local run, n = fit(), 0
    while run.metrics.step < 1 do moon.sleep(1) end
    moon.reload(NAME, { watch = true, on_event = function() n = n + 1 end })
    save(2)
    while n == 0 do moon.sleep(5) end
    local events = recorded(run)
    assert.equal(2, #events)
    assert.same({ "rate" }, events[2].changed)
  end))

  it("has none from after the run's end", task(function()
    save(1)
    require(NAME)
    local told = 0
    local run = fit{ epochs = 1, on_event = function(kind)
      if kind == "reloaded" then told = told + 1 end
    end }
    run:await()
    moon.reload(NAME)
    assert.equal(0, told)
    assert.equal(0, #recorded(run))
  end))
end)
