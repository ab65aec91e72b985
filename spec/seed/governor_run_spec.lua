-- The governor of a training run: what a rollback brings back, in every bit,
-- and what the governor costs.
local bits = require "support.bits"
local leaks = require "support.leaks"
local task = require "support.task"
local moon = require "moonseed"
local Governor = require "moonseed.seed.governor"
local parts = require "moonseed.seed.parts"
local nn, optim = moon.nn, moon.optim

local function fails(text, fn, ...)
  local ok, why = pcall(fn, ...)
  assert.is_false(ok, "no error")
  assert.matches(text, tostring(why), 1, true)
end

local function new_run(options)
  moon.manual_seed(3)
  local model = nn.Sequential{ nn.Linear{ 6, 16 }, nn.ReLU{}, nn.Dropout{ 0.1 },
                               nn.Linear{ 16, 4 } }
  model:buffer("seen", moon.zeros(1))
  local opt = optim.SGD{ model, lr = 0.05, momentum = 0.9 }
  local o = { classes = 4, confirm_after = 5, parts = {
    parts.module{ model, finite = true }, parts.optimiser{ opt },
    parts.generator() } }
  for name, value in pairs(options or {}) do o[name] = value end
  return { model = model, opt = opt, g = Governor(o) }
end

-- One step; `spoil` is a factor on the input.
local function train_step(run, step, spoil)
  local x = moon.randn(16, 6)
  local y = x:argmax(2):gt(3):to "i64"
  if spoil then x = x * spoil end
  local loss = nn.cross_entropy(run.model(x), y)
  run.opt:zero_grad()
  loss:backward()
  run.opt:step()
  moon.no_grad(function() run.model.seen:add_(1) end)
  return run.g:observe{ step = step, loss = loss:item() }
end

local function hex(byte) return ("%02x"):format(byte:byte()) end

-- The bytes of parameters and buffers, by name.
local function hash(run)
  local list = {}
  for name, t in pairs(run.model:state()) do
    list[name] = bits.of(t):gsub(".", hex)
  end
  return list
end

describe("a training run", function()
  it("is at the confirmed weights in every bit after a NaN", task(function()
    local run = new_run()
    local marked, drawn
    for step = 1, 40 do
      assert.is_nil(train_step(run, step))
      if step == 20 then
        assert.is_true(run.g:mark(step))
        marked = hash(run)
        drawn = parts.generator().save()
      elseif step == 38 then
        assert.is_true(run.g:mark(step))  -- too late to be confirmed
      end
    end
    local verdict = train_step(run, 41, 0 / 0)
    assert.equal("non_finite", verdict.rule)
    assert.equal(41, verdict.step)
    local value = run.model[4].bias:totable()[1]
    assert.is_true(value ~= value)
    assert.equal(20, (run.g:rollback()))
    assert.same(marked, hash(run))
    local words = parts.generator().save()
    for i = 0, 4 do assert.is_true(drawn[i] == words[i]) end
    assert.is_nil(run.opt:state()["velocity.1.weight"])
    for _, p in run.model:parameters() do assert.is_nil(p.grad) end
    for step = 21, 60 do assert.is_nil(train_step(run, step)) end
    run.g:close()
  end))

  it("has the same bits after a rollback on every schedule", task(function()
    local function program(schedule)
      local run = new_run()
      for step = 1, 24 do
        train_step(run, step)
        schedule.detour()
        if step == 12 then run.g:mark(step) end
      end
      train_step(run, 25, 0 / 0)
      for step = run.g:rollback() + 1, 20 do train_step(run, step) end
      local result = hash(run)
      run.g:close()
      return result
    end
    local expected = bits.run(bits.plain, program)
    for _, schedule in ipairs(bits.schedules) do
      assert.same(expected, bits.run(schedule, program), schedule.name)
    end
    for rng_seed = 1, 3 do
      local simulated = bits.simulated(rng_seed, 0.2)
      assert.same(expected, bits.run(simulated, program), simulated.name)
    end
  end))

  it("is stopped when it diverges, and goes on", task(function()
    local run = new_run()
    for step = 1, 40 do
      train_step(run, step)
      if step == 20 then run.g:mark(step) end
    end
    run.opt.lr = 1e4
    local verdict, step = nil, 40
    while not verdict and step < 60 do
      step = step + 1
      verdict = train_step(run, step, 100)
    end
    assert.is_not_nil(verdict)
    assert.equal(20, (run.g:rollback()))
    assert.equal(0.05, run.opt.lr)
    for again = 21, 60 do assert.is_nil(train_step(run, again)) end
    run.g:close()
  end))

  it("reports parameters that joined after the backup", task(function()
    local run = new_run()
    run.g:mark(0)
    for step = 1, 10 do train_step(run, step) end
    run.model.late = nn.Linear{ 2, 2 }
    local step, reports = run.g:rollback()
    assert.equal(0, step)
    assert.same({ joined = { "late.bias", "late.weight" }, left = {} },
                reports.model)
    run.g:close()
  end))

  it("changes nothing when the model has other shapes", task(function()
    local run = new_run()
    run.g:mark(0)
    for step = 1, 10 do train_step(run, step) end
    run.model[4] = nn.Linear{ 16, 5 }
    local before = hash(run)
    local velocity = bits.of(run.opt:state()["velocity.1.weight"])
    fails("model: 4.bias is 5 f32, saved as 4 f32", run.g.rollback, run.g)
    assert.same(before, hash(run))
    assert.equal(velocity, bits.of(run.opt:state()["velocity.1.weight"]))
    run.g:close()
  end))

  it("holds no more tensors or bytes after 1,000 rounds", task(function()
    local run = new_run()
    local function rounds(from, to)
      for step = from, to do
        run.g:observe{ step = step, loss = 1 + 0.1 * math.sin(step) }
        run.g:mark(step)
        if step % 97 == 0 then
          run.g:observe{ step = step + 1, loss = 0 / 0 }
          run.g:rollback()
        end
      end
      local count = leaks.count()
      count["live bytes"] = moon.stats().live_bytes
      return count
    end
    local early = rounds(1, 90)
    assert.same(early, rounds(91, 1090))
    run.g:close()
  end))

  it("never blocks and never gives way in mark and observe", task(function()
    local run = new_run()
    local other, waits = false, moon.stats().blocked_waits
    local sibling = moon.spawn(function() other = true end)
    for step = 1, 30 do
      run.g:mark(step)
      run.g:observe{ step = step, loss = 1 }
    end
    assert.is_false(other)
    sibling:await()
    assert.equal(waits, moon.stats().blocked_waits)
    run.g:close()
  end))
end)
