-- A run is paused, goes on, is asked for checkpoints and cancelled, in any
-- order.
local bits = require "support.bits"
local files = require "support.files"
local gardens = require "support.garden"
local moon = require "moonseed"
local task = require "support.task"

local folder, remove

-- The same every time.
local function data()
  moon.manual_seed(11)
  return gardens.data(96)
end

local function fit(options)
  local train = data()
  moon.manual_seed(3)
  local model = gardens.model()
  local o = { model, optim = moon.optim.SGD{ model, lr = 0.05 },
              train = train, batch = 32, quiet = true, rng_seed = 5,
              out = folder }
  for name, value in pairs(options or {}) do o[name] = value or nil end
  return moon.train.fit(o)
end

local function rest(run)
  run:pause()
  while run.state ~= "paused" do moon.sleep(1) end
end

-- A loss that pauses the run in step n.
local function pausing(n, run_of)
  local calls = 0
  return function(model, x, y)
    calls = calls + 1
    if calls == n then run_of():pause() end
    return moon.nn.cross_entropy(model(x), y)
  end
end

local function cancel(run)
  run:cancel()
  pcall(run.await, run)
end

describe("a run", function()
  before_each(function() folder, remove = files.folder() end)
  after_each(function() remove() end)

  it("stays paused when it is let go and paused again at once",
     task(function()
    local run = fit{ epochs = 100 }
    rest(run)
    local step = run.metrics.step
    run:resume():pause()
    moon.sleep(20)
    assert.equal("paused", run.state)
    assert.equal(step, run.metrics.step)
    cancel(run)
  end))

  it("takes no step when it is paused before the first", task(function()
    local run = fit{ epochs = 2 }
    rest(run)
    assert.equal(0, run.metrics.step)
    run:resume():await()
    assert.equal(6, run.metrics.step)
  end))

  for _, at in ipairs{ 0, 2, 3 } do
    it("writes a checkpoint while it is paused after step " .. at
       .. ", from which it goes on with the same bits", task(function()
      local undisturbed = fit{ epochs = 3, out = false }
      undisturbed:await()
      local run
      run = fit{ epochs = 3, loss = pausing(at, function() return run end) }
      if at == 0 then run:pause() end
      while run.state ~= "paused" do moon.sleep(1) end
      assert.equal(at, run.metrics.step)
      assert.truthy(run:checkpoint():find(("step-%09d"):format(at), 1, true))
      assert.equal(at, run.metrics.step)
      cancel(run)
      local other = moon.train.resume{ folder, train = data(), quiet = true,
                                       loss = pausing() }
      other:await()
      assert.equal(9, other.metrics.step)
      assert.is_true(
        bits.of_state(undisturbed.model) == bits.of_state(other.model))
    end))
  end

  it("writes every checkpoint that is asked for in a pause", task(function()
    local run = fit{ epochs = 2 }
    rest(run)
    local a, b = moon.gather(function() return run:checkpoint() end,
                             function() return run:checkpoint() end)
    assert.equal(a, b)
    cancel(run)
  end))

  it("outlives a checkpoint that is not waited for any more", task(function()
    local run = fit{ epochs = 3 }
    pcall(moon.timeout, 0, function() run:checkpoint() end)
    run:await()
    assert.equal("done", run.state)
  end))

  it("is cancelled before it has begun", task(function()
    local run = fit()
    cancel(run)
    assert.equal("cancelled", run.state)
    run:pause():resume()
    assert.equal("cancelled", run.state)
  end))
end)
