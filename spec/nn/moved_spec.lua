-- What goes with a model that is moved to another device or dtype; `ref` is
-- another device.
local bits = require "support.bits"
local gardens = require "support.garden"
local moon = require "moonseed"
local task = require "support.task"
local nn, optim = moon.nn, moon.optim

-- Three steps, and the model moved away and back again before the last.
local function train(make, moves)
  moon.manual_seed(4)
  local model = nn.Linear{ 3, 2 }
  local opt, x = make(model), moon.randn(5, 3)
  for i = 1, 3 do
    if i == 3 then
      for _, target in ipairs(moves) do model:to(target) end
    end
    opt:zero_grad()
    model(x):pow(2):sum():backward()
    opt:step()
  end
  return bits.of(model.weight), opt
end

describe("a model that is moved", function()
  for name, options in pairs{ SGD = { momentum = 0.9 }, AdamW = {} } do
    it("keeps the state of " .. name, task(function()
      local function make(model)
        local o = { model, lr = 0.1 }
        for key, value in pairs(options) do o[key] = value end
        return optim[name](o)
      end
      local stayed = train(make, {})
      for _, moves in ipairs{ { "f64", "f32" }, { "ref", "cpu" } } do
        assert.equal(stayed, (train(make, moves)))
      end
    end))
  end

  it("has the state of its optimiser where it is", task(function()
    local _, opt = train(function(model)
      return optim.SGD{ model, lr = 0.1, momentum = 0.9 }
    end, {})
    opt.source:to "ref"
    assert.equal("ref", opt:state()["velocity.weight"]:device())
  end))

  it("keeps its averages", task(function()
    local model = nn.Linear{ 3, 2 }
    local ema = optim.EMA{ model, decay = 0.5 }
    ema:update()
    local before = ema:state()["average.weight"]:totable()
    model:to "ref"
    local average = ema:state()["average.weight"]
    assert.equal("ref", average:device())
    assert.same(before, average:totable())
  end))
end)

describe("growth", function()
  local function move(run, device)
    run.model:to(device)
    run.valid = moon.data.tensors{ run.valid.x:to(device),
                                   run.valid.y:to(device) }
    run.train = moon.data.tensors{ run.train.x:to(device),
                                   run.train.y:to(device) }
    run.garden.valid = run.valid
  end

  -- The batches of gardens.run are those of the data set it was made with.
  local function step(run)
    for x, y in run.train:batches{ 64 } do
      local loss = nn.cross_entropy(run.model(x), y)
      run.opt:zero_grad()
      loss:backward()
      run.opt:step()
      run.garden:step{ y = y, loss = loss }
    end
    return run.garden:epoch()
  end

  for _, stage in ipairs{ "GERMINATED", "TRAINING", "BLENDING",
                          "FOSSILIZED" } do
    it("goes on where the model goes, in " .. stage, task(function()
      local run = gardens.run{ blending = { steps = 50, kind = "gate" } }
      gardens.grow(run, stage)
      move(run, "ref")
      step(run)
      local seed = run.slot:seed()
      assert.is_nil(seed.failure)
      if stage == "GERMINATED" then run.slot:advance() end
      if run.slot:stage() == "TRAINING" then
        step(run)
        run.slot:advance{ force = true }
      end
      assert.is_true(step(run).loss > 0)
      assert.is_nil(seed.failure)
      for _, p in run.model:parameters() do
        assert.equal("ref", p:device())
      end
      run.garden:close()
    end))
  end

  it("is where the model is, whatever the current device", task(function()
    local run = gardens.run{ incubation = { lr = 0.1 } }
    move(run, "ref")
    run.slot:germinate "conv_light"
    run.slot:advance()
    step(run)
    assert.is_nil(run.slot:seed().failure)
    for _, p in run.slot:seed().module:parameters() do
      assert.equal("ref", p:device())
    end
    run.garden:close()
  end))

  it("is in f64 where the model is", task(function()
    local run = gardens.run{ incubation = { lr = 0.1 } }
    run.model:to "f64"
    for _, name in ipairs{ "train", "valid" } do
      run[name] = moon.data.tensors{ run[name].x:to "f64", run[name].y }
    end
    run.garden.valid = run.valid
    gardens.grow(run, "TRAINING", "conv_light")
    step(run)
    assert.is_nil(run.slot:seed().failure)
    assert.equal("f64", run.slot:seed().module:state()
      ["branch.1.weight"]:dtype())
    run.garden:close()
  end))
end)
