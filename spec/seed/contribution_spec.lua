-- Counterfactual contribution: what is measured, against whole passes.
local task = require "support.task"
local bits = require "support.bits"
local grown = require "support.grown"
local Slot = require "support.stub_slot"
local moon = require "moonseed"
local contribution = require "moonseed.seed.contribution"
local nn = moon.nn
local make, make_data, seed_module = grown.model, grown.data, grown.seed

-- Mean loss and share of correct classes of the whole model, with the seeds
-- in `off` ({ slot number, seed index }) left out.
local function whole(model, slots, off, data, batch)
  local sums = moon.zeros(2, { dtype = "f64" })
  for _, slot in ipairs(slots) do slot.disabled = {} end
  for _, pair in ipairs(off) do slots[pair[1]].disabled[pair[2]] = true end
  model:eval()
  moon.no_grad(function()
    for x, y in data:batches{ batch } do
      local logits = model(x)
      sums[1]:add_(nn.cross_entropy(logits, y):to("f64") * #y:totable())
      sums[2]:add_(logits:argmax(2):eq(y):to("f64"):sum())
    end
  end)
  model:train()
  for _, slot in ipairs(slots) do slot.disabled = nil end
  local values = sums:totable()
  return { loss = values[1] / #data, accuracy = values[2] / #data }
end

describe("contribution.measure", function()
  it("equals whole passes with and without each seed, in every bit",
     task(function()
       local model, slots = make(1, 2)
       local data = make_data(22)  -- a last batch of 6
       local result = contribution.measure{ model, data = data, slots = slots,
                                            batch = 8 }
       local all = whole(model, slots, {}, data, 8)
       assert.same(all, result.baseline)
       for _, at in ipairs{ { 1, 1 }, { 2, 1 }, { 2, 2 } } do
         local without = whole(model, slots, { at }, data, 8)
         local worth = result[slots[at[1]].name][at[2]]
         assert.equal(without.loss - all.loss, worth.loss)
         assert.equal(all.accuracy - without.accuracy, worth.accuracy)
         assert.are_not.equal(0, worth.loss)
       end
     end))

  it("shares out what all seeds are worth, by the full factorial",
     task(function()
       local model, slots = make(1, 1)
       local data = make_data(16)
       local result = contribution.measure{ model, data = data, slots = slots,
                                            batch = 8 }
       local function loss(...)
         return whole(model, slots, { ... }, data, 8).loss
       end
       local none, both = loss({ 1, 1 }, { 2, 1 }), loss()
       local early, late = loss{ 2, 1 }, loss{ 1, 1 }
       assert.near((none - early + late - both) / 2,
                   result.early[1].shapley.loss, 1e-14)
       assert.near((none - late + early - both) / 2,
                   result.late[1].shapley.loss, 1e-14)
       local pair = result.interactions[1]
       assert.equal(1, #result.interactions)
       assert.same({ slot = "early", seed = 1 }, pair[1])
       assert.same({ slot = "late", seed = 1 }, pair[2])
       assert.near(early + late - both - none, pair.loss, 1e-14)
       assert.equal(4, result.passes)
       assert.is_nil(result.early[1].error)
     end))

  it("computes the prefix once per batch", task(function()
    local model, slots, first, last = make(2, 1)
    local result = contribution.measure{ model, data = make_data(20),
                                         slots = slots, batch = 8 }
    assert.equal(8, result.passes)
    assert.equal(3, result.prefix_passes)
    assert.equal(3, result.prefix_steps)
    assert.equal(3, first.n)
    assert.equal(3 * 8, last.n)
  end))

  it("says when a model could not be cut", task(function()
    local inner, slots, first = make(1, 0)
    local Wrapped = nn.Module:extend("Wrapped")
    function Wrapped:forward(x) return self.inner:forward(x) end
    local model = Wrapped{}
    model.inner = inner
    local data = make_data(16)
    local result = contribution.measure{ model, data = data, slots = slots,
                                         batch = 8 }
    assert.equal(0, result.prefix_passes)
    assert.equal(0, result.prefix_steps)
    assert.equal(2 * 2, first.n)
    assert.same(result.baseline, whole(inner, slots, {}, data, 8))
  end))

  it("weighs a last batch that is not full by its images", task(function()
    local model, slots = make(1, 0)
    local data = make_data(21)
    local parts = contribution.measure{ model, data = data, slots = slots,
                                        batch = 20 }
    local once = contribution.measure{ model, data = data, slots = slots }
    assert.equal(once.baseline.accuracy, parts.baseline.accuracy)
    assert.near(once.baseline.loss, parts.baseline.loss, 1e-6)
    assert.near(once.early[1].loss, parts.early[1].loss, 1e-6)
  end))

  it("takes the first batches only, if so told", task(function()
    local model, slots = make(1, 0)
    local data = make_data(20)
    local some = contribution.measure{ model, data = data, slots = slots,
                                       batch = 8, batches = 2 }
    assert.same(whole(model, slots, {}, data:narrow(1, 16), 8), some.baseline)
    local more = contribution.measure{ model, data = data, slots = slots,
                                       batch = 8, batches = 9 }
    assert.same(whole(model, slots, {}, data, 8), more.baseline)
  end))

  it("measures the seeds that blend, hold or are fossils", task(function()
    local model, slots = make(0, 0)
    local early, late = slots[1], slots[2]
    for _, stage in ipairs{ "GERMINATED", "BLENDING", "TRAINING", "HOLDING",
                            "FOSSILIZED", "PRUNED" } do
      early:plant(seed_module(), stage)
    end
    late.list[1] = { index = 1, stage = function() return "DORMANT" end }
    local result = contribution.measure{ model, data = make_data(8),
                                         slots = slots }
    assert.is_nil(result.early[1])
    assert.is_number(result.early[2].accuracy)
    assert.is_nil(result.early[3])
    assert.is_number(result.early[4].loss)
    assert.is_number(result.early[5].loss)
    assert.is_nil(result.early[6])
    assert.is_nil(result.late)
  end))

  it("leaves out what was disabled before, in every pass", task(function()
    local model, slots = make(2, 0)
    local data = make_data(8)
    local disabled = { [2] = true }
    slots[1].disabled = disabled
    local result = contribution.measure{ model, data = data, slots = slots }
    assert.equal(2, result.passes)
    assert.is_nil(result.early[2])
    assert.is_true(rawequal(disabled, slots[1].disabled))
    assert.same({ [2] = true }, disabled)
    assert.same(whole(model, slots, { { 1, 2 } }, data, 256), result.baseline)
  end))

  it("leaves a seed that has failed out of account", task(function()
    local model, slots = make(2, 0)
    slots[1].list[1].failure = "an op of it failed"
    local result = contribution.measure{ model, data = make_data(8),
                                         slots = slots }
    assert.is_nil(result.early[1])
    assert.equal(2, result.passes)
  end))

  it("makes n + 1 passes without shares", task(function()
    local model, slots = make(3, 3)
    local data = make_data(8)
    local result = contribution.measure{ model, data = data, slots = slots,
                                         shares = false }
    assert.equal(7, result.passes)
    assert.is_nil(result.early[1].shapley)
    assert.is_nil(result.samples)
    local without = whole(model, slots, { { 2, 3 } }, data, 256)
    assert.equal(without.loss - result.baseline.loss, result.late[3].loss)
  end))

  it("measures the baseline where nothing lives", task(function()
    local model, slots = make(0, 0)
    local data = make_data(9)
    local result = contribution.measure{ model, data = data, slots = slots }
    assert.equal(1, result.passes)
    assert.same({}, result.interactions)
    assert.same(whole(model, slots, {}, data, 256), result.baseline)
  end))

  it("samples orders with more than four seeds", task(function()
    local model, slots = make(3, 3)
    local options = { model, data = make_data(16), slots = slots, samples = 3,
                      rng_seed = 2 }
    local result = contribution.measure(options)
    assert.equal(3, result.samples)
    assert.is_nil(result.interactions)
    assert.is_true(result.passes <= 1 + 6 + 1 + 3 * 5)
    local total = 0
    for _, name in ipairs{ "early", "late" } do
      for i = 1, 3 do
        total = total + result[name][i].shapley.loss
        assert.is_true(result[name][i].error.loss >= 0)
      end
    end
    local none = whole(model, slots, { { 1, 1 }, { 1, 2 }, { 1, 3 }, { 2, 1 },
                                       { 2, 2 }, { 2, 3 } }, options.data, 256)
    assert.near(none.loss - result.baseline.loss, total, 1e-12)
    assert.same(result, contribution.measure(options))
    options.rng_seed = 3
    assert.are_not.same(result, contribution.measure(options))
  end))
end)

describe("what contribution.measure finds", function()
  local function program()
    local model, slots = make(2, 1)
    return contribution.measure{ model, data = make_data(14), slots = slots,
                                 batch = 4 }
  end

  it("is the same under every schedule", function()
    local expected = bits.run(bits.plain, program)
    for _, schedule in ipairs(bits.schedules) do
      assert.same(expected, bits.run(schedule, program), schedule.name)
    end
    for rng_seed = 1, 3 do
      assert.same(expected, bits.run(bits.simulated(rng_seed, 0.2), program))
    end
  end)
end)

describe("contribution options", function()
  local function fails(pattern, options)
    assert.error_matches(function() contribution.measure(options) end, pattern)
  end

  it("are checked", task(function()
    local model, slots = make(1, 0)
    local data = make_data(8)
    fails("contribution: no option 'bacth' %(known: model, batch, batches",
          { model, data = data, slots = slots, bacth = 3 })
    fails("contribution: data is missing", { model, slots = slots })
    fails("contribution: the model is an nn.Module, not a number",
          { 3, data = data, slots = slots })
    fails("contribution: batch is a whole number of at least 1",
          { model, data = data, slots = slots, batch = 0 })
    fails("contribution: the data has 8 examples without targets",
          { model, data = moon.data.tensors{ data.x }, slots = slots })
    fails("split: slot 1 of 1 %(else%) is not in the model",
          { model, data = data, slots = {
            Slot{ "else" }:plant(seed_module(), "HOLDING") } })
    slots[1].name = "passes"
    fails("contribution: a slot named 'passes' has no place in the result",
          { model, data = data, slots = slots })
  end))
end)
