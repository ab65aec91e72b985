local bits = require "support.bits"
local core = require "moonseed.ffi"
local files = require "support.files"
local gardens = require "support.garden"
local moon = require "moonseed"
local task = require "support.task"
local Archive = require "moonseed.train.archive"
local checkpoint = require "moonseed.train.checkpoint"
local nn, optim, seed = moon.nn, moon.optim, moon.seed

local folder, remove

-- Data sets that are the same every time.
local function data()
  moon.manual_seed(11)
  return gardens.data(96), gardens.data(32)
end

-- Plants at once, then advances whatever may.
local policy = [[
local policy = { name = "eager", version = 1 }
function policy.init() return {} end
function policy.decide(state, view)
  local actions = life.advance(view, life.options())
  if view.slots[1].stage == "DORMANT" then
    actions[1] = life.plant(view.slots[1], "conv_small", "now")
  end
  return actions
end
return policy
]]

-- Gates that let everything pass that was measured.
local open_gates = { improvement = -1e9, age = 0, ratio_low = 0,
                     ratio_high = 1e9, contribution = -1 }

local function begin(options)
  local train, valid = data()
  moon.manual_seed(3)
  local model = gardens.model()
  local opt = optim.rebuild(options and options.optim or {
    "SGD", lr = 0.05, momentum = 0.9, weight_decay = 1e-4 }, model)
  local garden = seed.Garden{
    model, governor = true, optim = opt, train = train, valid = valid,
    classes = 4, gates = open_gates, rng_seed = 3,
    policy = options and options.policy,
    incubation = options and options.incubation,
    blending = { steps = 5, curve = "sigmoid", kind = options
                 and options.kind } }
  local o = { model, optim = opt, train = train, valid = valid, epochs = 6,
              batch = 32, garden = garden, out = folder, every = 5, keep = 99,
              quiet = true, rng_seed = 5 }
  for _, name in ipairs{ "epochs", "every", "schedule", "loss" } do
    o[name] = options and options[name] or o[name]
  end
  return o
end

local function go_on(options)
  local train, valid = data()
  local o = { folder, train = train, valid = valid, quiet = true }
  for name, value in pairs(options or {}) do o[name] = value end
  return moon.train.resume(o)
end

-- Removes all checkpoints but that of a step.
local function keep_only(step)
  for _, path in ipairs(checkpoint.list(folder)) do
    if not path:find(("step-%09d"):format(step), 1, true) then
      os.remove(path)
    end
  end
end

-- Removes the checkpoints after a step.
local function keep_at_most(step)
  for _, path in ipairs(checkpoint.list(folder)) do
    if tonumber(path:match "step%-(%d+)") > step then os.remove(path) end
  end
end

describe("moon.train.resume", function()
  before_each(function() folder, remove = files.folder() end)
  after_each(function() remove() end)

  -- A run with growth; then one more from each of its checkpoints, alone in the
  -- folder: same end. Returns the stages of the seed in those.
  local function from_every_checkpoint(options)
    options.policy = files.write(folder .. "/policy.lua", policy)
    local o = begin(options)
    moon.train.fit(o):await()
    o.garden:close()
    local wanted, seen = bits.of_state(o[1]), {}
    local paths = checkpoint.list(folder)
    for i = #paths, 1, -1 do  -- the newest is the one that is read
      os.rename(paths[i], paths[i] .. ".aside")
    end
    for _, path in ipairs(paths) do
      os.rename(path .. ".aside", path)
      local t = Archive.load(path).plain.garden.seeds[1]
      local run = go_on()
      seen[t.stage] = true
      run:await()
      run.garden:close()
      assert.is_true(wanted == bits.of_state(run.model), path)
      for _, new in ipairs(checkpoint.list(folder)) do os.remove(new) end
    end
    return seen
  end

  for _, kind in ipairs{ "add", "multiply", "gate" } do
    it("goes on with the same bits from any stage: " .. kind, task(function()
      assert.same({ DORMANT = true, GERMINATED = true, TRAINING = true,
                    BLENDING = true, HOLDING = true, FOSSILIZED = true },
                  from_every_checkpoint{ kind = kind, epochs = 14, every = 2 })
    end))
  end

  local optimisers = {
    { "AdamW", lr = 0.01, weight_decay = 0.1, max_norm = 1,
      groups = { { kind = "Norm", decay = false } } },
    { "RMSprop", lr = 0.002, momentum = 0.9, centered = true },
    { "Lion", lr = 0.002, weight_decay = 0.1 },
    { "Muon", lr = 0.02, max_norm = 5, groups = { { match = "^11", lr = 0.01,
                                                    adam = true } } },
  }
  for _, description in ipairs(optimisers) do
    it("goes on with the same bits by " .. description[1], task(function()
      local seen = from_every_checkpoint{
        optim = description, epochs = 14, every = 9,
        incubation = { optim = { description[1], lr = 0.01 } } }
      assert.is_true(seen.TRAINING and seen.BLENDING)
    end))
  end

  for _, schedule in ipairs{ { "plateau", patience = 0, factor = 0.5 },
                             { "one_cycle", warmup = 3 } } do
    it("goes on with the same bits, rate, averages and metrics: "
       .. schedule[1], task(function()
      local train, valid = data()
      moon.manual_seed(3)
      local model = gardens.model()
      local run = moon.train.fit{ model, train = train, valid = valid,
        optim = optim.AdamW{ model, lr = 0.01 }, epochs = 6, batch = 8,
        accumulate = 3, schedule = schedule, out = folder, every = 3,
        keep = 99, quiet = true, rng_seed = 5,
        ema = optim.EMA{ model, decay = 0.8, buffers = true },
        metrics = { f1 = { "F1", classes = 4 } } }
      run:await()
      for _, step in ipairs{ 15, 9 } do
        keep_at_most(step)
        local other = go_on()
        other:await()
        assert.is_true(bits.of_state(model) == bits.of_state(other.model))
        assert.equal(run.optim.lr, other.optim.lr)
        assert.same(run.series.valid_f1, other.series.valid_f1)
        assert.same(run.series.valid_loss, other.series.valid_loss)
        for name, t in pairs(run.ema:state()) do
          assert.is_true(bits.of(t) == bits.of(other.ema:state()[name]), name)
        end
      end
    end))
  end

  it("passes over a file that was cut short, and says so", task(function()
    local o = begin{ epochs = 2, every = 2 }
    local first = moon.train.fit(o)
    first:await()
    o.garden:close()
    local newest = checkpoint.list(folder)[1]
    local bytes = files.read(newest)
    files.write(newest, bytes:sub(1, #bytes / 2))
    local run = go_on()
    run:await()
    run.garden:close()
    assert.is_true(bits.of_state(first.model) == bits.of_state(run.model))
  end))

  it("raises when no file is whole, and names what is wrong", task(function()
    local o = begin{ epochs = 1 }
    moon.train.fit(o):await()
    o.garden:close()
    for _, path in ipairs(checkpoint.list(folder)) do
      files.write(path, "no tensors here")
    end
    local ok, e = pcall(go_on)
    assert.is_false(ok)
    assert.truthy(tostring(e):find("no checkpoint in " .. folder
                                   .. " can be read", 1, true), e)
  end))

  it("raises where there is no checkpoint", task(function()
    local ok, e = pcall(go_on)
    assert.is_false(ok)
    assert.truthy(tostring(e):find("there is no checkpoint in", 1, true), e)
  end))

  it("asks for data that it cannot read again", task(function()
    local o = begin{ epochs = 1 }
    moon.train.fit(o):await()
    o.garden:close()
    local ok, e = pcall(moon.train.resume, folder)
    assert.is_false(ok)
    assert.truthy(tostring(e):find("cannot say how train is made; give "
                                   .. "train = ...", 1, true), e)
  end))

  it("reads Fashion-MNIST and its parts again by itself", task(function()
    local all = moon.data.fashion_mnist{ "train" }
    local part = all:narrow(1, 300):split{ 44, rng_seed = 1 }
    moon.manual_seed(3)
    local model = nn.Sequential{ nn.Flatten{}, nn.Linear{ 784, 10 } }
    local opt = optim.SGD{ model, lr = 0.05 }
    local run = moon.train.fit{ model, optim = opt, train = part, epochs = 3,
                                batch = 64, out = folder, every = 2,
                                keep = 99, quiet = true, rng_seed = 1 }
    run:await()
    keep_only(6)
    local other = moon.train.resume{ folder, quiet = true }
    other:await()
    assert.equal(256, #other.options.train)
    assert.is_true(bits.of_state(run.model) == bits.of_state(other.model))
  end))

  it("takes a model of one's own classes", task(function()
    local Own = nn.Module:extend("Own")
    function Own:init() self.linear = nn.Linear{ 784, 10 } end
    function Own:forward(x) return self.linear(x:reshape(x:size(1), -1)) end
    local train = moon.data.fashion_mnist{ "train" }:narrow(1, 128)
    moon.manual_seed(3)
    local model = Own{}
    local opt = optim.SGD{ model, lr = 0.05, momentum = 0.5 }
    local run = moon.train.fit{ model, optim = opt, train = train, epochs = 4,
                                batch = 64, out = folder, keep = 99,
                                quiet = true, rng_seed = 1 }
    run:await()
    keep_only(4)
    local ok, e = pcall(moon.train.resume, folder)
    assert.is_false(ok)
    assert.truthy(tostring(e):find("how model is made", 1, true), e)
    local other = moon.train.resume{ folder, model = Own{}, quiet = true }
    other:await()
    assert.is_true(bits.of_state(model) == bits.of_state(other.model))
  end))

  it("asks for a schedule and a loss that are functions", task(function()
    local function rate(part) return 1 - part end
    local function loss(model, x, y) return nn.cross_entropy(model(x), y) end
    local o = begin{ epochs = 2, schedule = rate, loss = loss }
    local first = moon.train.fit(o)
    first:await()
    o.garden:close()
    keep_only(5)
    for _, name in ipairs{ "schedule", "loss" } do
      local given = { schedule = rate, loss = loss }
      given[name] = nil
      local ok, e = pcall(go_on, given)
      assert.is_false(ok)
      assert.truthy(tostring(e):find(
        ("cannot say how %s is made; give %s = ..."):format(name, name), 1,
        true), e)
    end
    local run = go_on{ schedule = rate, loss = loss }
    run:await()
    run.garden:close()
    assert.is_true(bits.of_state(first.model) == bits.of_state(run.model))
  end))

  it("removes what killed processes left, not what others write",
     task(function()
    local o = begin{ epochs = 1 }
    moon.train.fit(o):await()
    o.garden:close()
    local own = ("/.moonseed-%d-7.tmp"):format(core.uv.os_getpid())
    local left = "/.moonseed-4194303-3.tmp"  -- no process has this number
    files.write(folder .. own, "half a checkpoint")
    files.write(folder .. left, "half a checkpoint")
    local run = go_on{ epochs = 2 }
    run:await()
    run.garden:close()
    assert.is_nil(core.uv.fs_stat(folder .. left))
    assert.is_table(core.uv.fs_stat(folder .. own))
  end))

  it("may go on for more epochs", task(function()
    local o = begin{ epochs = 1 }
    moon.train.fit(o):await()
    o.garden:close()
    local run = go_on{ epochs = 3 }
    assert.equal(3, run.metrics.epochs)
    run:await()
    run.garden:close()
    assert.equal(9, run.metrics.step)
  end))
end)

describe("a checkpoint", function()
  before_each(function() folder, remove = files.folder() end)
  after_each(function() remove() end)

  it("holds the state of the step that it is named after", task(function()
    local o = begin{ epochs = 2, every = 1 }
    moon.train.fit(o):await()
    o.garden:close()
    for _, path in ipairs(checkpoint.list(folder)) do
      local t = Archive.load(path).plain
      assert.equal(tonumber(path:match "step%-(%d+)"), t.metrics.step)
      assert.equal(t.metrics.step, t.garden.steps)
    end
  end))

  it("of another run is not written over", task(function()
    local o = begin{ epochs = 1 }
    moon.train.fit(o):await()
    o.garden:close()
    o = begin{ epochs = 1 }
    local run = moon.train.fit(o)
    local ok, e = pcall(run.await, run)
    o.garden:close()
    assert.is_false(ok)
    assert.truthy(tostring(e):find("has the checkpoints of another run", 1,
                                   true), e)
  end))
end)
