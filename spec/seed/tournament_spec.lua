-- Tournaments: the numbers are those of one after another, and the host
-- notices nothing.

local bits = require "support.bits"
local gardens = require "support.garden"
local host = require "support.host"
local moon = require "moonseed"
local sim = require "moonseed.sim"
local task = require "support.task"
local nn, seed = moon.nn, moon.seed

local LIST = { "norm", "depthwise", "conv_light", "noop", "bottleneck" }

local function start(options)
  moon.manual_seed(3)
  local run = gardens.run(options)
  run.steps(3)
  return run
end

local function compete(run, options)
  local o = { run.slot, LIST, batches = 6, batch = 32 }
  for name, value in pairs(options or {}) do o[name] = value end
  return seed.tournament(o)
end

local function weights(r)
  local list = {}
  for _, p in r.module:parameters() do list[#list + 1] = bits.of(p) end
  return table.concat(list)
end

-- Losses and weights of a result, in the order of the list of blueprints.
local function result_bits(ranks)
  local parts = {}
  for rank, r in ipairs(ranks) do
    parts[r.index] = ("%d %s %d %.17g %.17g %s"):format(
      rank, r.blueprint, r.batches or -1, r.loss or -1, r.improvement or -1,
      tostring(r.failed)) .. weights(r)
  end
  return table.concat(parts)
end

local function entry(ranks, name)
  for rank, r in ipairs(ranks) do
    if r.blueprint == name then return r, rank end
  end
end

-- A blueprint whose module is the identity in evaluation and calls spoil(x, w)
-- in training.
local function spoiled(name, spoil)
  local Spoiled = nn.Module:extend(name)
  function Spoiled:init() self.weight = moon.zeros(1):requires_grad() end
  function Spoiled:forward(x)
    return self.training and spoil(x, self.weight) or x + self.weight
  end
  seed.blueprint(name, { build = function() return Spoiled{} end })
end

describe("a tournament", function()
  it("gives side by side the bits of one after another", task(function()
    local run = start()
    local beside = result_bits(compete(run))
    assert.is_true(#beside > 2000)
    assert.is_true(beside == result_bits(compete(run, { concurrent = false })))
    assert.is_false(beside == result_bits(compete(run, { rng_seed = 1 })))
  end))

  it("gives each the bits that it has among others", task(function()
    spoiled("drowsy", function(x, w) return x + w * x:dropout(0.5) end)
    local run = start()
    local one = compete(run, { [2] = { "drowsy", "conv_light", "norm" } })
    local other = compete(run, { [2] = { "drowsy", "noop", "norm" } })
    for _, name in ipairs{ "drowsy", "norm" } do
      local a, b = entry(one, name), entry(other, name)
      assert.equal(a.loss, b.loss)
      assert.is_true(weights(a) == weights(b), name)
    end
    other = compete(run, { [2] = { "noop", "drowsy" } })
    assert.not_equal(entry(one, "drowsy").loss, entry(other, "drowsy").loss)
  end))

  it("does so under any schedule", task(function()
    local function program()
      local run = start()
      return result_bits(compete(run)) .. host.bits(run):gsub("table: %S+", "")
    end
    local wanted = bits.run(bits.plain, program)
    for _, schedule in ipairs(bits.schedules) do
      assert.is_true(bits.run(schedule, program) == wanted, schedule.name)
    end
    for rng_seed = 1, 2 do
      local got = bits.run(bits.simulated(rng_seed, 0.2), program)
      assert.is_true(got == wanted, "sim with seed " .. rng_seed)
      assert.equal(0, (sim.races()))
    end
  end))

  it("lists the best first", task(function()
    local ranks, place = compete(start()), {}
    for rank, r in ipairs(ranks) do
      place[r.index] = rank
      local before = ranks[rank - 1]
      assert.is_true(not before or before.loss <= r.loss)
    end
    assert.equal(#LIST, #place)
  end))

  it("measures improvement on a bare head", task(function()
    local r = entry(compete(start()), "noop")
    assert.equal(0, r.improvement)
  end))

  it("goes on from epoch to epoch", task(function()
    local ranks = compete(start(), { [2] = { "norm" }, batches = 20 })
    assert.equal(20, ranks[1].batches)
  end))

  it("takes what data there are for a batch", task(function()
    local run = start()
    local ranks = compete(run, { batch = 1000, data = run.valid })
    assert.equal(6, ranks[1].batches)
    assert.is_nil(ranks[1].failed)
  end))

  it("judges by the head that the garden names", task(function()
    local run = start{ incubation = { tail = function(h)
      return h:global_avg_pool2d():narrow(2, 1, 4)
    end } }
    local ranks = compete(run)
    assert.is_nil(entry(ranks, "noop").failed)
    assert.is_nil(ranks[1].improvement)
    assert.is_number(ranks[1].loss)
  end))
end)

describe("halving", function()
  it("lets the best learn what they would without", task(function()
    local run = start()
    local list = { "norm", "depthwise", "conv_light", "noop", "bottleneck",
                   "conv_small", "attention", "conv_heavy" }
    local o = { [2] = list, batches = 14 }
    local all = compete(run, o)
    o.halving = true
    local some, learned = compete(run, o), {}
    for rank, r in ipairs(some) do learned[rank] = r.batches end
    assert.same({ 14, 14, 6, 6, 2, 2, 2, 2 }, learned)
    for rank = 1, 2 do
      local r = entry(all, some[rank].blueprint)
      assert.equal(r.loss, some[rank].loss)
      assert.is_true(weights(r) == weights(some[rank]))
    end
  end))

  it("ends with one that is alone in its list, too", task(function()
    local ranks = compete(start(), { [2] = { "norm" }, halving = true })
    assert.equal(6, ranks[1].batches)
  end))

  it("does with fewer batches than rounds", task(function()
    local ranks = compete(start(), { halving = true, batches = 1 })
    assert.equal(1, ranks[1].batches)
  end))
end)

describe("the host of a tournament", function()
  it("is as it was, in every bit", task(function()
    local run = start()
    local before = host.bits(run)
    compete(run)
    assert.is_true(before == host.bits(run))
  end))

  it("goes on as if there had been none", task(function()
    local function train(between)
      local run = start()
      if between then compete(run) end
      run.steps(10)
      return (host.bits(run):gsub("table: %S+", ""))
    end
    assert.is_true(train(false) == train(true))
  end))

  it("may have seeds of any stage in the slot", task(function()
    for _, stage in ipairs{ "GERMINATED", "TRAINING", "BLENDING", "HOLDING",
                            "FOSSILIZED" } do
      local run = start()
      gardens.grow(run, stage)
      run.steps(2)
      local before = host.bits(run)
      assert.is_nil(compete(run)[1].failed)
      assert.is_true(before == host.bits(run), stage)
    end
  end))

  it("may have branches, and slots where it cannot be cut", task(function()
    local run = start{ slot = { host = nn.Conv2d{ 8, 8, kernel = 1 } } }
    local Whole = nn.Module:extend("Whole")
    function Whole:init(options) self.inner = options[1] end
    function Whole:forward(x) return self.inner:forward(x) end
    local inside = start()
    local cut = result_bits(compete(inside))
    inside.garden.model = Whole{ inside.model }
    assert.is_true(cut == result_bits(compete(inside)))
    assert.is_nil(compete(run)[1].failed)
  end))
end)

describe("a candidate that goes wrong", function()
  local spoil = {
    nan = function(x, w) return x + w * (0 / 0) end,
    raise = function() error("no such luck", 0) end,
    -- A label out of range: an error of the device, later.
    device = function(x, w)
      local loss = nn.cross_entropy(moon.zeros(1, 2),
                                    moon.tensor({ 7 }, { dtype = "i64" }))
      return x + w * loss
    end,
  }
  local why = { nan = "its loss is", raise = "no such luck",
                device = "cross_entropy" }

  for name, fn in pairs(spoil) do
    it("comes last and says why: " .. name, task(function()
      spoiled("spoiled_" .. name, fn)
      local run = start()
      local before = host.bits(run)
      local ranks = compete(run, { [2] = { "norm", "spoiled_" .. name,
                                           "conv_light" } })
      assert.equal("spoiled_" .. name, ranks[3].blueprint)
      assert.matches(why[name], ranks[3].failed)
      assert.is_nil(ranks[3].loss)
      assert.is_true(before == host.bits(run), name)
      local without = compete(run, { [2] = { "norm", "noop", "conv_light" } })
      for _, other in ipairs{ "norm", "conv_light" } do
        assert.equal(entry(without, other).loss, entry(ranks, other).loss)
      end
      assert.is_true(before == host.bits(run))
    end))
  end

  it("may have failed once, long ago", task(function()
    local n = 0
    spoiled("spoiled_once", function(x, w)
      n = n + 1
      return n == 2 and spoil.device(x, w) or x + w
    end)
    local ranks = compete(start(), { [2] = { "spoiled_once", "norm" } })
    assert.equal("norm", ranks[1].blueprint)
    assert.is_string(ranks[2].failed)
  end))

  it("may be one that does not fit the features", task(function()
    local ranks = compete(start(), { [2] = { "lora", "norm" } })
    assert.equal("norm", ranks[1].blueprint)
    assert.matches("takes features of 2 dimensions", ranks[2].failed)
  end))

  it("may be all of them", task(function()
    for _, halving in ipairs{ false, true } do
      local ranks = compete(start(), { [2] = { "lora", "lora", "lora" },
                                       halving = halving })
      assert.equal(3, #ranks)
      assert.is_string(ranks[1].failed)
    end
  end))

  it("is no reason to go on after a cancellation", task(function()
    local run = start()
    local before = host.bits(run)
    local t = moon.spawn(function() compete(run, { batches = 1e6 }) end)
    moon.sleep(50)
    t:cancel()
    assert.is_false((pcall(t.await, t)))
    assert.is_true(before:match "\n.*" == host.bits(run):match "\n.*")
  end))
end)

describe("a tournament's memory", function()
  local function count()
    moon.synchronize()
    jit.flush()
    collectgarbage()
    collectgarbage()
    local stats = moon.stats()
    return { stats.live_tensors, stats.live_bytes, stats.live_nodes }
  end

  it("is flat, and comes back", task(function()
    local run = start()
    compete(run)
    local before = count()
    for _ = 1, 3 do
      compete(run, { halving = true })
      assert.same(before, count())
    end
  end))
end)

describe("a tournament refuses", function()
  local function fails(pattern, options)
    local ok, e = pcall(compete, start(), options)
    assert.is_false(ok)
    assert.matches(pattern, e)
  end

  it("a slot without a garden", task(function()
    fails("tournament: slot lonely is in no garden",
          { seed.Slot{ "lonely" } })
  end))

  it("what is no slot", task(function()
    fails("tournament: expects a slot, not table", { nn.ReLU{} })
    fails("tournament: expects a slot, not string", { "early" })
  end))

  it("unknown blueprints, and none", task(function()
    fails("blueprint: no 'conv_lite' %(known: noop, ",
          { [2] = { "norm", "conv_lite" } })
    fails("tournament: the list of blueprints is empty", { [2] = {} })
    fails("tournament: the list of blueprints is a table, not string",
          { [2] = "norm" })
  end))

  it("to learn from nothing", task(function()
    moon.manual_seed(3)
    local model = gardens.model()
    local garden = seed.Garden{ model }
    local o = { garden:slot "early", { "norm" } }
    local ok, e = pcall(seed.tournament, o)
    assert.is_false(ok)
    assert.matches("tournament: learns from data = dataset; the garden", e)
    o.data = moon.data.tensors{ moon.rand(4, 1, 8, 8) }
    ok, e = pcall(seed.tournament, o)
    assert.is_false(ok)
    assert.matches("data: expects a data set with labels, not one without", e)
    fails("tournament: data: has no examples",
          { data = gardens.data(8):narrow(1, 0) })
  end))

  it("options that make no sense", task(function()
    fails("tournament: batches is a whole number of at least 1, not 0",
          { batches = 0 })
    fails("tournament: no option 'batchs'", { batchs = 5 })
    fails("tournament: halving is true or false", { halving = 2 })
  end))
end)
