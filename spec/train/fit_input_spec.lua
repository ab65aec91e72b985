-- What moon.train.fit says of what makes no run, and of what goes wrong in
-- functions that it was given.
local files = require "support.files"
local gardens = require "support.garden"
local moon = require "moonseed"
local reader = require "moonseed.train.report.reader"
local task = require "support.task"
local nn, optim = moon.nn, moon.optim

local folder, remove

local function fit(options)
  local model = gardens.model()
  local o = { model, optim = optim.SGD{ model, lr = 0.05 },
              train = gardens.data(96), batch = 32, quiet = true }
  for name, value in pairs(options or {}) do o[name] = value end
  return moon.train.fit(o)
end

local function refuses(text, options)
  local ok, e = pcall(fit, options)
  assert.is_false(ok, text)
  assert.truthy(tostring(e):find(text, 1, true), e)
end

local function fails(text, options)
  local ok, e = pcall(function() fit(options):await() end)
  assert.is_false(ok, text)
  assert.truthy(tostring(e):find(text, 1, true), e)
end

describe("moon.train.fit", function()
  before_each(function() folder, remove = files.folder() end)
  after_each(function() remove() end)

  it("refuses what is no data set, or an empty one", task(function()
    local x = moon.zeros(4, 1, 8, 8)
    local none = moon.data.tensors{ moon.zeros(0, 1, 8, 8), moon.zeros(0) }
    refuses("fit: train is a data set, not a table", { train = {} })
    refuses("fit: train is a data set, not a cdata", { train = x })
    refuses("fit: valid is a data set, not a number", { valid = 3 })
    refuses("fit: train has no examples", { train = none })
    refuses("fit: valid has no examples", { valid = none })
    refuses("fit: train has no targets; give loss",
            { train = moon.data.tensors{ x } })
    refuses("fit: valid has no targets", { valid = moon.data.tensors{ x } })
  end))

  it("refuses an optimiser, a garden, an augment that is none",
     task(function()
    refuses("fit: optim is an optimiser, not a string", { optim = "SGD" })
    refuses("fit: optim.step is a function, not nothing", { optim = {} })
    refuses("fit: none of the optimiser's 2 parameters is the model's",
            { optim = optim.SGD{ nn.Linear{ 2, 2 }, lr = 0.1 } })
    refuses("fit: garden is a seed.Garden, not a number", { garden = 3 })
    refuses("fit: augment is a table, not boolean", { augment = true })
  end))

  it("trains a part of a model", task(function()
    local model = gardens.model()
    local before = model:get("7").weight:clone()
    fit{ model, optim = optim.SGD{ { model:get("11").weight }, lr = 0.1 } }
      :await()
    assert.is_true(moon.allclose(before, model:get("7").weight))
  end))

  it("refuses a folder that is none or that another run writes to",
     task(function()
    refuses("fit: out is the path of a folder, not an empty string",
            { out = "" })
    local path = files.write(folder .. "/file", "x")
    refuses("there is a file", { out = path })
    local run = fit{ epochs = 100, out = folder }
    refuses("goes on in", { out = folder .. "/" })
    run:cancel()
    pcall(run.await, run)
  end))

  it("says what its loss returned", task(function()
    fails("fit: loss returns a tensor, not nothing",
          { loss = function() end })
    fails("fit: loss returns a tensor, not a number",
          { loss = function() return 3 end })
  end))

  it("adds up gradients of batches without targets", task(function()
    local run = fit{ train = moon.data.tensors{ moon.rand(8, 1, 8, 8) },
                     batch = 2, accumulate = 2,
                     loss = function(model, x) return model(x):sum() end }
    run:await()
    assert.equal(2, run.metrics.step)
  end))

  it("ends whole when on_event raises, with that error", task(function()
    fails("no events today: checkpoint", {
      out = folder,
      on_event = function(kind) error("no events today: " .. kind, 0) end })
    local events = {}
    for _, entry in ipairs(reader.read(folder).events) do
      events[entry.kind] = entry.event
    end
    assert.truthy(events.checkpoint)
    assert.is_nil(events.checkpoint_failed)
    assert.equal("failed", events.run_end.state)
    assert.is_true(events["end"].closed)
  end))
end)
