local bits = require "support.bits"
local files = require "support.files"
local gardens = require "support.garden"
local moon = require "moonseed"
local reader = require "moonseed.train.report.reader"
local task = require "support.task"
local nn, optim = moon.nn, moon.optim

local folder, remove

local function setup(options)
  moon.manual_seed(3)
  local o = { model = gardens.model() }
  o[1], o.model = o.model, nil
  o.train, o.valid = gardens.data(96), gardens.data(32)
  o.optim = optim.SGD{ o[1], lr = 0.05, momentum = 0.9 }
  o.batch, o.quiet, o.rng_seed = 32, true, 5
  for name, value in pairs(options or {}) do o[name] = value end
  return o
end

local function fit(options) return moon.train.fit(setup(options)) end

local function weights(model)
  local parts = {}
  for name, t in pairs(model:state()) do
    parts[#parts + 1] = name .. bits.of(t)
  end
  table.sort(parts)
  return table.concat(parts)
end

describe("moon.train.fit", function()
  before_each(function() folder, remove = files.folder() end)
  after_each(function() remove() end)

  it("trains in the background, with numbers that may be read at any time",
     task(function()
    local run = fit{ epochs = 4 }
    assert.equal("running", run.state)
    assert.equal(0, run.metrics.step)
    assert.equal(run, run:await())
    assert.equal("done", run.state)
    assert.equal(12, run.metrics.step)
    assert.equal(4, #run.series.valid_loss.values)
    assert.equal(run.metrics.loss,
                 run.series.loss.values[#run.series.loss.values])
    assert.is_true(run.metrics.images_per_s > 0)
    assert.truthy(tostring(run):find("done, step 12", 1, true))
  end))

  it("gives the bits of a loop written by hand", task(function()
    local o = setup{ epochs = 2 }
    local run = moon.train.fit(o)
    run:await()
    local by_hand = setup()
    local model, opt = by_hand[1], by_hand.optim
    moon.spawn(function()
      moon.manual_seed(5)
      for _ = 1, 2 do
        for x, y in by_hand.train:batches{ 32, shuffle = true } do
          local loss = nn.cross_entropy(model(x), y)
          opt:zero_grad()
          loss:backward()
          opt:step()
        end
      end
    end):await()
    assert.is_true(weights(model) == weights(run.model))
  end))

  it("pauses before the next step and goes on", task(function()
    local run = fit{ epochs = 50 }
    while run.metrics.step < 3 do moon.sleep(1) end
    run:pause()
    while run.state ~= "paused" do moon.sleep(1) end
    local step = run.metrics.step
    moon.sleep(20)
    assert.equal(step, run.metrics.step)
    run:resume()
    while run.metrics.step == step do moon.sleep(1) end
    run:cancel()
    assert.is_false(pcall(run.await, run))
    assert.equal("cancelled", run.state)
  end))

  it("changes no bit by a pause or a checkpoint", task(function()
    local quiet = fit{ epochs = 3 }
    quiet:await()
    local run = fit{ epochs = 3, out = folder .. "/run" }
    run:pause()
    moon.sleep(5)
    run:resume()
    local path = run:checkpoint()
    assert.truthy(path:find("/run/step-0000", 1, true))
    run:await()
    assert.is_true(weights(quiet.model) == weights(run.model))
  end))

  it("follows a schedule of the rate", task(function()
    local rates = {}
    local run = fit{ epochs = 2, schedule = function(part)
      rates[#rates + 1] = part
      return 1 - part
    end }
    run:await()
    assert.equal(6, #rates)
    assert.equal(0, rates[1])
    assert.near(5 / 6, rates[6], 1e-12)
    assert.near(0.05 / 6, run.optim.lr, 1e-12)
  end))

  it("ends early when validation is no better", task(function()
    local kinds = {}
    local o = setup{ epochs = 30, patience = 2,
                     on_event = function(kind) kinds[kind] = true end }
    o.optim.lr = 0
    local run = moon.train.fit(o)
    run:await()
    assert.is_true(run.metrics.epoch < 30, run.metrics.epoch)
    assert.is_true(kinds.stopped_early)
  end))

  it("keeps the last checkpoints and the best", task(function()
    local run = fit{ epochs = 6, out = folder .. "/a/b", keep = 2 }
    run:await()
    local names = {}
    for path in io.popen("ls " .. folder .. "/a/b"):lines() do
      names[#names + 1] = path
    end
    assert.same({ "best.safetensors", "record.jsonl",
                  "step-000000015.safetensors",
                  "step-000000018.safetensors" }, names)
  end))

  it("records the loss of every step", task(function()
    local run = fit{ epochs = 2, out = folder .. "/run" }
    run:await()
    local curve = reader.read(folder .. "/run").curves.loss
    assert.equal(6, curve.n)
    for i = 1, 6 do assert.equal(i, curve.steps[i - 1]) end
    assert.equal(run.metrics.loss, curve.values[5])
  end))

  it("fails with the error of a step, and says so", task(function()
    local run = fit{ loss = function() error "no loss today" end }
    local ok, e = pcall(run.await, run)
    assert.is_false(ok)
    assert.truthy(tostring(e):find("no loss today", 1, true))
    assert.equal("failed", run.state)
  end))

  it("goes on when a checkpoint cannot be written", task(function()
    local events = {}
    local run = fit{ epochs = 2, out = folder .. "/run",
                     on_event = function(kind, e) events[kind] = e end }
    while not run.record do moon.sleep(1) end
    os.execute("rm -r " .. folder .. "/run && touch " .. folder .. "/run")
    run:await()
    assert.equal("done", run.state)
    assert.truthy(events.checkpoint_failed.why)
  end))

  it("refuses what makes no run", task(function()
    local function refuses(text, options)
      local ok, e = pcall(fit, options)
      assert.is_false(ok)
      assert.truthy(tostring(e):find(text, 1, true), e)
    end
    refuses("no schedule 'up'", { schedule = "up" })
    refuses("epochs", { epochs = 0 })
    refuses("option 'epoch'", { epoch = 1 })
    refuses("patience means nothing without valid",
            { patience = 2, valid = false })
  end))

  it("lists the runs of the process", task(function()
    local before = #moon.train.runs()
    local run = fit{ epochs = 1 }
    local list = moon.train.runs()
    assert.equal(before + 1, #list)
    assert.equal(run, list[#list])
    run:await()
  end))
end)
