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

  it("trains on batches that are mixed", task(function()
    local run = fit{ epochs = 3, augment = {
      flip = true, cutout = 2, mixup = { 0.4, classes = 4 } } }
    run:await()
    assert.equal("done", run.state)
    assert.equal(9, run.metrics.step)
    assert.is_true(run.metrics.loss < 5)
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
    assert.is_true(bits.of_state(model) == bits.of_state(run.model))
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
    assert.is_true(bits.of_state(quiet.model) == bits.of_state(run.model))
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

  it("takes a schedule by name, with options, or as optim.schedule makes it",
     task(function()
    local function last_rate(schedule)
      local run = fit{ epochs = 2, schedule = schedule }
      run:await()
      return run.optim.lr / 0.05
    end
    assert.near(1, last_rate(nil), 1e-12)
    assert.near(1 / 6, last_rate "linear", 1e-12)
    assert.near(0.25 + 0.75 / 4, last_rate{ "linear", warmup = 2,
                                           floor = 0.25 }, 1e-12)
    assert.near(0.5, last_rate(optim.schedule.step{ at = { 0.5 },
                                                     factor = 0.5 }), 1e-12)
  end))

  it("tells a plateau the validation loss", task(function()
    local model = nn.Sequential{ nn.Flatten{}, nn.Linear{ 64, 4 } }
    local run = moon.train.fit{ model, optim = optim.SGD{ model, lr = 0.5 },
      train = gardens.data(32), valid = gardens.data(32), epochs = 5,
      schedule = { "plateau", patience = 0, factor = 0.5 }, quiet = true,
      loss = function(m, x) return m(x):sum() * 0 end }  -- learns nothing
    run:await()
    assert.same({ 0.5, 0.25, 0.125, 0.0625, 0.03125 }, run.series.lr.values)
  end))

  it("adds up the gradients of several batches", task(function()
    local function linear(batch, accumulate)
      moon.manual_seed(2)
      local model = nn.Sequential{ nn.Flatten{}, nn.Linear{ 64, 4 } }
      local run = moon.train.fit{ model, train = gardens.data(90),
        optim = optim.SGD{ model, lr = 0.1, momentum = 0.9 }, batch = batch,
        accumulate = accumulate, epochs = 2, quiet = true, rng_seed = 5 }
      run:await()
      return run
    end
    -- 90 = 2 x 40 + 10, and the last step of four batches has ten examples.
    local large, small = linear(40), linear(10, 4)
    assert.equal(6, large.metrics.step)
    assert.equal(6, small.metrics.step)
    assert.is_true(moon.allclose(large.model[2].weight,
                                 small.model[2].weight, { rtol = 1e-4,
                                                          atol = 1e-6 }))
    for i, loss in ipairs(large.series.loss.values) do
      assert.near(loss, small.series.loss.values[i], 1e-5)
    end
  end))

  it("trains with a loss scale as without", task(function()
    local function losses(scale)
      moon.manual_seed(2)
      local model = nn.Sequential{ nn.Flatten{}, nn.Linear{ 64, 4 } }
      local run = moon.train.fit{ model, train = gardens.data(90),
        optim = optim.SGD{ model, lr = 0.1, loss_scale = scale }, batch = 10,
        accumulate = 2, epochs = 2, quiet = true, rng_seed = 5 }
      run:await()
      return run.series.loss.values
    end
    assert.same(losses(nil), losses "dynamic")
  end))

  it("keeps an average of the weights and validates it", task(function()
    local o = setup{ epochs = 3, metrics = { top2 = { "TopK", k = 2 } } }
    o.ema = optim.EMA{ o[1], decay = 0.5 }
    local run = moon.train.fit(o)
    run:await()
    local found = o.ema:swapped(moon.seed.evaluate.accuracy, o[1], o.valid)
    assert.equal(found.loss, run.metrics.valid_loss)
    local plain = moon.seed.evaluate.accuracy(o[1], o.valid)
    assert.is_false(plain.loss == found.loss)
    local other = fit{ epochs = 3 }
    other:await()
    assert.is_true(bits.of_state(other.model) == bits.of_state(run.model))
  end))

  it("measures what it is asked to on validation data", task(function()
    local mine = { n = 0, reset = function() end }
    function mine.update() mine.n = mine.n + 1 end
    function mine.value() return mine.n end
    local run = fit{ epochs = 2, metrics = {
      f1 = moon.metrics.F1{ 4 }, matrix = { "Confusion", classes = 4 },
      mine = setmetatable(mine, {}) } }
    run:await()
    local m, right = run.metrics, 0
    for c, row in ipairs(m.valid_matrix) do right = right + row[c] end
    assert.equal(m.valid_accuracy, right / 32)
    assert.is_true(m.valid_f1 >= 0 and m.valid_f1 <= 1)
    assert.equal(2, #run.series.valid_f1.values)
    assert.equal(2, m.valid_mine)
    assert.is_nil(run.series.valid_matrix)
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
    refuses("metrics means nothing without valid",
            { metrics = {}, valid = false })
    refuses("schedule plateau means nothing without valid",
            { schedule = "plateau", valid = false })
    refuses("fit: autocast: no dtype 'half'", { autocast = "half" })
    refuses("fit: autocast: f16 is for GPUs", { autocast = "f16" })
    refuses("accumulate is a whole number of at least 1", { accumulate = 0 })
    refuses("there is no metric 'F2'", { metrics = { f = { "F2" } } })
    refuses("fit: metrics.f.update is a function, not nothing",
            { metrics = { f = setmetatable({}, {}) } })
    refuses("ema is an optim.EMA of the model", { ema = 0.9 })
    refuses("the averages are of another model",
            { ema = optim.EMA{ nn.Linear{ 1, 1 } } })
  end))

  it("lets a garden that was given no data have the run's", task(function()
    local o = setup{ epochs = 1 }
    o.garden = moon.seed.Garden{ o[1], classes = 4 }
    moon.train.fit(o):await()
    local rows = moon.seed.tournament{ o.garden:slot "early",
                                       { "norm", "conv_small" }, batches = 2 }
    assert.equal(2, #rows)
    o.garden:close()
  end))

  it("lets the garden's governor bring the optimiser back, too",
     task(function()
    local steps, kinds = 0, {}
    local o = setup{ epochs = 40, loss = function(model, x, y)
      steps = steps + 1
      local loss = nn.cross_entropy(model(x), y)
      return steps == 80 and loss * (0 / 0) or loss
    end }
    o.garden = moon.seed.Garden{ o[1], classes = 4,
                                 governor = { confirm_after = 5 },
                                 on_event = function(event)
      kinds[event.kind] = (kinds[event.kind] or 0) + 1
    end }
    local run = moon.train.fit(o)
    run:await()
    assert.equal(1, kinds.rolled_back)
    assert.is_true(run.metrics.loss < 10)  -- a number
    o.garden:close()
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
