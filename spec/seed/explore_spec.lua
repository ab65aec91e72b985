-- Exploring: a search on a copy, beside a training that has the bits that it
-- has without.

local bits = require "support.bits"
local gardens = require "support.garden"
local host = require "support.host"
local moon = require "moonseed"
local task = require "support.task"
local nn, seed = moon.nn, moon.seed

local LIST = { { slot = "early", blueprints = { "norm", "conv_light" } },
               { slot = "late", blueprints = { "depthwise", "noop" } } }

local function start(options)
  moon.manual_seed(3)
  local run = gardens.run(options)
  run.steps(3)
  return run
end

local function explore(run, options)
  local o = { run.model, LIST, batch = 32, budget = { batches = 9 } }
  for name, value in pairs(options or {}) do o[name] = value end
  return seed.explore(o)
end

-- What was found, in order.
local function text_of(found)
  local lines = {}
  for i, r in ipairs(found) do
    lines[i] = ("%s %s %d %.17g %.17g"):format(r.slot, r.blueprint, r.batches,
                                               r.loss, r.improvement)
  end
  return table.concat(lines, "\n")
end

local function host_bits(run)
  return (host.bits(run):gsub("table: %S+", ""))
end

describe("exploring", function()
  it("leaves the training every bit that it has without", task(function()
    local function train(search)
      local run = start()
      gardens.grow(run, "BLENDING")
      local t = search and explore(run)
      local losses = {}
      for i = 1, 30 do
        losses[i] = bits.of(run.step():detach())
        if i % 5 == 0 then moon.yield() end
      end
      if t then t:await() end
      run.steps(2)
      local child = moon.spawn(function() return bits.of(moon.rand(4)) end)
      return table.concat(losses) .. child:await() .. host_bits(run)
    end
    assert.is_true(train(false) == train(true))
  end))

  it("finds what it finds while nothing is trained", task(function()
    local run = start()
    local quiet = text_of(explore(run):await())
    local t = explore(run)
    run.steps(20)
    assert.equal(quiet, text_of(t:await()))
  end))

  it("does so under any schedule", task(function()
    local function program()
      local run = start()
      local t = explore(run)
      run.steps(5)
      return text_of(t:await()) .. host_bits(run)
    end
    local wanted = bits.run(bits.plain, program)
    for _, schedule in ipairs(bits.schedules) do
      assert.is_true(bits.run(schedule, program) == wanted, schedule.name)
    end
    local simulated = bits.simulated(1, 0.2)
    assert.is_true(bits.run(simulated, program) == wanted)
  end))

  it("shares its budget out", task(function()
    local learned = {}
    for _, r in ipairs(explore(start()):await()) do
      learned[r.slot] = r.batches
    end
    assert.same({ early = 4, late = 5 }, learned)
  end))

  it("lists what improves most first", task(function()
    local found = explore(start()):await()
    assert.equal(4, #found)
    for i = 2, 4 do
      assert.is_true(found[i - 1].improvement >= found[i].improvement)
    end
  end))

  it("takes names for every slot", task(function()
    local found = explore(start(), { [2] = { "norm" } }):await()
    assert.equal(2, #found)
    assert.not_equal(found[1].slot, found[2].slot)
  end))

  it("needs no garden", task(function()
    moon.manual_seed(3)
    local model = gardens.model()
    local found = seed.explore{ model, { "norm" }, data = gardens.data(64),
                                budget = { batches = 2 } }:await()
    assert.equal(2, #found)
    assert.is_nil(found[1].failed)
    seed.Garden{ model }  -- the model itself is in none
  end))

  it("puts what failed last", task(function()
    local found = explore(start(), { [2] = { "lora", "norm" } }):await()
    assert.is_nil(found[2].failed)
    assert.is_string(found[3].failed)
    assert.is_string(found[4].failed)
  end))
end)

describe("exploring that is cancelled", function()
  local function count()
    moon.synchronize()
    jit.flush()
    collectgarbage()
    collectgarbage()
    local stats = moon.stats()
    return { stats.live_tensors, stats.live_bytes, stats.live_nodes }
  end

  it("gives all memory back", task(function()
    local run = start()
    explore(run):await()
    local before = count()
    for _, ms in ipairs{ 0, 20, 60 } do
      local t = explore(run, { budget = { batches = 1e6 } })
      if ms > 0 then moon.sleep(ms) end
      t:cancel()
      assert.is_false((pcall(t.await, t)))
      assert.same(before, count(), ms .. " ms")
    end
  end))

  it("leaves the training its bits", task(function()
    local function train(search)
      local run = start()
      local t = search and explore(run, { budget = { batches = 1e6 } })
      run.steps(10)
      if t then
        moon.sleep(20)
        t:cancel()
        t:join()
      end
      run.steps(10)
      return host_bits(run)
    end
    assert.is_true(train(false) == train(true))
  end))
end)

describe("exploring refuses", function()
  local function fails(pattern, options)
    local run = start()
    local before = host.bits(run)
    local ok, e = pcall(explore, run, options)
    assert.is_false(ok)
    assert.matches(pattern, e)
    assert.is_true(before == host.bits(run))
  end

  it("what is no model with slots", task(function()
    fails("explore: expects a model, not a string", { "early" })
    fails("explore: the model has no seed.Slot", { nn.ReLU{} })
  end))

  it("candidates that there are not", task(function()
    fails("explore: the list of candidates is empty", { [2] = {} })
    fails("explore: candidate 1: no slot 'erly' %(early, late%)",
          { [2] = { { slot = "erly", blueprints = { "norm" } } } })
    fails("explore: candidate 1: the list of blueprints is empty",
          { [2] = { { slot = "early", blueprints = {} } } })
    fails("blueprint: no 'nrom'", { [2] = { "nrom" } })
  end))

  it("a budget that is none", task(function()
    fails("explore: budget.batches is a whole number of at least 1",
          { budget = { batches = 0 } })
    fails("explore: budget: no option 'steps'", { budget = { steps = 5 } })
    fails("explore: a budget of 1 batches for 2 tournaments",
          { budget = { batches = 1 } })
  end))

  it("to learn from nothing", task(function()
    local model = gardens.model()
    local ok, e = pcall(seed.explore, { model, { "norm" } })
    assert.is_false(ok)
    assert.matches("explore: learns from data = dataset; there is no garden",
                   e)
    ok, e = pcall(seed.explore, { model, { "norm" }, data = {} })
    assert.is_false(ok)
    assert.matches("data: expects a data set with labels, not table", e)
  end))

  it("a tail of the model", task(function()
    fails("explore: a tail belongs to the model, not to its copy",
          { incubation = { tail = function(h) return h end } })
  end))
end)
