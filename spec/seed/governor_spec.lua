-- The governor: which state is the backup, what a rollback brings back, when
-- growth must wait.
local bits = require "support.bits"
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

-- A governor over one number, `world.value`; `world.held` counts its copies.
local function small(options)
  local world = { value = 0, held = 0 }
  local o = { confirm_after = 3, parts = { {
    name = "value",
    save = function()
      world.held = world.held + 1
      return { world.value }
    end,
    load = function(state) world.value = state[1] end,
    dispose = function() world.held = world.held - 1 end,
  } } }
  for name, value in pairs(options or {}) do o[name] = value end
  return Governor(o), world
end

-- Observes the losses after step `from`.
local function observe(g, from, losses)
  local verdict
  for i, loss in ipairs(losses) do
    verdict = g:observe{ step = from + i, loss = loss }
  end
  return verdict
end

local calm = { 1, 1.1, 1, 0.9, 1, 1.1, 1, 0.9 }

describe("a candidate", function()
  it("is the backup after enough healthy losses of later steps", function()
    local g = small()
    observe(g, 0, calm)
    g:mark(8)
    observe(g, 8, { 1, 1 })
    assert.is_nil(g:status().backup_step)
    observe(g, 10, { 1 })
    assert.equal(8, g:status().backup_step)
    assert.same({}, g:status().candidate_steps)
  end)

  it("is not confirmed by losses of steps up to its own", function()
    local g = small()
    g:mark(5)
    observe(g, 0, { 1, 1, 1, 1, 1, 1, 1 })
    assert.is_nil(g:status().backup_step)
    observe(g, 7, { 1 })
    assert.equal(5, g:status().backup_step)
  end)

  it("leaves the older backup in place until it is confirmed", function()
    local g, world = small()
    world.value = "old"
    g:mark(0)
    observe(g, 0, calm)
    world.value = "new"
    g:mark(8)
    observe(g, 8, { 1, 1 })
    assert.equal(2, world.held)
    observe(g, 10, { 0 / 0 })
    assert.equal(0, (g:rollback()))
    assert.equal("old", world.value)
    assert.equal(1, world.held)
  end)

  it("waits for the whole count again after a bad loss", function()
    local g = small()
    g:mark(0)
    observe(g, 0, calm)
    g:mark(8)
    observe(g, 8, { 1, 1, 9, 1, 1 })
    assert.equal(0, g:status().backup_step)
    observe(g, 13, { 1 })
    assert.equal(8, g:status().backup_step)
  end)

  it("is never the backup while losses keep spiking", function()
    local g, world = small()
    g:mark(0)
    observe(g, 0, calm)
    for step = 9, 900, 3 do
      world.value = step
      observe(g, step - 1, { 9 })
      g:mark(step)
      observe(g, step, { 1 })
      g:mark(step + 1)
      observe(g, step + 1, { 1 })
      g:mark(step + 2)
      assert.equal(0, g:status().backup_step)
    end
    assert.equal(0, (g:rollback()))
    assert.equal(0, world.value)
  end)

  it("goes with a verdict, and its memory at once", function()
    local g, world = small()
    g:mark(0)
    observe(g, 0, calm)
    g:mark(8)
    g:mark(9)
    assert.equal(3, world.held)
    observe(g, 9, { 9, 9 })
    assert.equal(3, world.held)
    observe(g, 11, { 9 })
    assert.equal(1, world.held)
    assert.same({}, g:status().candidate_steps)
    observe(g, 12, { 1, 1, 1, 1, 1 })
    assert.equal(0, g:status().backup_step)
  end)

  it("is the newest when two are confirmed by one loss", function()
    local g, world = small{ confirm_after = 2 }
    g:mark(1)
    g:mark(2)
    observe(g, 2, { 1, 1 })
    assert.equal(2, g:status().backup_step)
    assert.equal(1, world.held)
  end)
end)

describe("mark", function()
  it("takes nothing while losses are suspect, or enough are held", function()
    local g, world = small()
    assert.is_true(g:mark(0))
    assert.is_false(g:mark(0))
    assert.is_true(g:mark(1))
    assert.is_false(g:mark(2))
    observe(g, 2, calm)
    observe(g, 10, { 9 })
    assert.is_false(g:mark(11))
    observe(g, 11, { 1 })
    assert.is_true(g:mark(12))
    assert.equal(2, world.held)
  end)

  it("refuses a step before what is held", function()
    local g = small()
    g:mark(5)
    fails("Governor: mark: step 4, and the state of step 5 is held",
          g.mark, g, 4)
  end)

  it("changes nothing when a part cannot be saved", function()
    local g, world = small()
    g.parts[2] = { name = "broken", load = print,
                   save = function() error("disk", 0) end }
    fails("disk", g.mark, g, 0)
    assert.equal(0, world.held)
    assert.same({}, g:status().candidate_steps)
  end)
end)

describe("observe", function()
  it("refuses steps that do not rise, and what is no loss", function()
    local g = small()
    observe(g, 4, { 1 })
    fails("Governor: observe: step 5 after step 5", g.observe, g,
          { step = 5, loss = 1 })
    fails("loss is a number, not nothing", g.observe, g, { step = 6 })
    fails("no option 'los'", g.observe, g, { step = 6, los = 1 })
  end)

  it("ignores late losses of an attempt before a rollback", function()
    local g = small()
    g:mark(0)
    observe(g, 0, calm)
    g:rollback()
    assert.equal(1, g.attempt)
    assert.is_nil(g:observe{ step = 9, loss = 0 / 0, attempt = 0 })
    assert.equal(0, g:status().bad_in_a_row)
    assert.equal("non_finite",
                 g:observe{ step = 1, loss = 0 / 0, attempt = 1 }.rule)
  end)
end)

describe("rollback", function()
  it("refuses without a confirmed state", function()
    local g = small()
    g:mark(0)
    observe(g, 0, { 1, 1 })
    fails("Governor: rollback: no state has been confirmed yet", g.rollback, g)
  end)

  it("may bring the same backup back again and again", function()
    local g, world = small()
    world.value = "good"
    g:mark(0)
    observe(g, 0, calm)
    for _ = 1, 5 do
      world.value = "bad"
      observe(g, 8, { 0 / 0 })
      assert.equal(0, (g:rollback()))
      assert.equal("good", world.value)
    end
  end)

  it("changes nothing when a part cannot take its state", function()
    local g, world = small()
    g:mark(0)
    observe(g, 0, calm)
    world.value = "now"
    g:mark(8)
    g.parts[2] = { name = "broken", save = function() end,
                   load = function() error("shapes", 0) end }
    observe(g, 8, { 9 })
    pcall(g.rollback, g)
    assert.equal("now", world.value)
    assert.same({ attempt = 0, bad_in_a_row = 1, backup_step = 0,
                  candidate_steps = { 8 } }, g:status())
  end)
end)

describe("close", function()
  it("gives the memory of all states back", function()
    local g, world = small()
    g:mark(0)
    observe(g, 0, calm)
    g:mark(8)
    g:close()
    assert.equal(0, world.held)
  end)
end)

describe("veto", function()
  local function veto(g, step)
    return g:veto{ step = step, action = "germinate" }
  end

  local function confirmed(options)
    local g = small(options)
    g:mark(0)
    observe(g, 0, calm)
    return g
  end

  it("lets growth go on when all is well", function()
    assert.is_nil(veto(confirmed(), 8))
  end)

  it("refuses before a state was confirmed", function()
    local g = small()
    g:mark(0)
    observe(g, 0, { 1, 1 })
    assert.equal("germinate at step 2: no state has been confirmed yet",
                 veto(g, 2))
  end)

  it("refuses while losses are suspect", function()
    local g = confirmed()
    observe(g, 8, { 9 })
    assert.matches("^germinate at step 9: the losses are suspect: loss 9 is "
                   .. "above 3 times the mean 1 %(1 in a row%)$", veto(g, 9))
    observe(g, 9, { 1 })
    assert.is_nil(veto(g, 10))
  end)

  it("refuses in the step of a rollback and while it settles", function()
    local g = confirmed{ settle = 4 }
    observe(g, 8, { 0 / 0 })
    g:rollback()
    assert.matches("0 of 4 steps since the rollback", veto(g, 9), 1, true)
    for step = 1, 4 do
      observe(g, step - 1, { 1 })
      assert.matches(("%d of 4"):format(step - 1), veto(g, step), 1, true)
    end
    assert.is_nil(veto(g, 5))
  end)

  it("counts settling for callers that do not go back, too", function()
    local g = confirmed{ settle = 4 }
    observe(g, 8, { 0 / 0 })
    g:rollback()
    for step = 10, 13 do
      observe(g, step - 1, { 1 })
      assert.matches("since the rollback", veto(g, step), 1, true)
    end
    assert.is_nil(veto(g, 14))
  end)
end)

-- --- against a model of the rules -------------------------------------------

local rules = { classes = 10, window = 6, warmup = 3, patience = 3,
                confirm_after = 4, sigma = 6, ratio = 3, floor = 0.01,
                tolerance = 0.02, margin = 0.1, candidates = 2 }
local chance = math.log(10)

-- What the rules say, read off the whole history each time.
local Reference = {}
Reference.__index = Reference

local function is_finite(x) return x == x and math.abs(x) < math.huge end

function Reference:healthy_losses()
  local list = {}
  for _, entry in ipairs(self.history) do
    if not entry.bad then list[#list + 1] = entry.loss end
  end
  return list
end

-- Mean and deviation of the last `window` of the first n.
local function window_of(list, n)
  if math.min(n, rules.window) < rules.warmup then return nil end
  local from = math.max(1, n - rules.window + 1)
  local sum, count, squares = 0, 0, 0
  for i = from, n do sum, count = sum + list[i], count + 1 end
  local mean = sum / count
  for i = from, n do squares = squares + (list[i] - mean) ^ 2 end
  return mean, math.max(math.sqrt(squares / (count - 1)), 0.01 * mean)
end

function Reference:is_bad(loss)
  if not is_finite(loss) or loss > 5 * chance then return true end
  local healthy = self:healthy_losses()
  for n = 1, #healthy do
    local mean = window_of(healthy, n)
    if mean and mean < 0.9 * chance
       and math.abs(loss - chance) <= 0.02 * chance then
      return true
    end
  end
  local mean, deviation = window_of(healthy, #healthy)
  return mean ~= nil
    and (loss > 3 * mean or loss > mean + 6 * deviation)
end

-- The bad losses at the end: how many, and whether one is not finite.
function Reference:tail()
  local n, wild = 0, false
  for i = #self.history, 1, -1 do
    if not self.history[i].bad then break end
    n = n + 1
    wild = wild or not is_finite(self.history[i].loss)
  end
  return n, wild
end

function Reference:is_confirmed(step)
  local n = 0
  for i = #self.history, 1, -1 do
    local entry = self.history[i]
    if entry.bad then break end
    if entry.step > step then n = n + 1 end
  end
  return n >= rules.confirm_after
end

function Reference:observe(step, loss)
  table.insert(self.history,
               { step = step, loss = loss, bad = self:is_bad(loss) })
  local n, wild = self:tail()
  if n >= rules.patience or wild then
    self.marks = {}
    return true
  end
  local confirmed = 0
  for i, mark in ipairs(self.marks) do
    if self:is_confirmed(mark) then confirmed = i end
  end
  if confirmed > 0 then
    self.backup = self.marks[confirmed]
    for _ = 1, confirmed do table.remove(self.marks, 1) end
  end
  return false
end

function Reference:mark(step)
  local newest = self.marks[#self.marks] or self.backup
  if self:tail() == 0 and #self.marks < 2 and newest ~= step then
    table.insert(self.marks, step)
  end
end

function Reference:rollback() self.history, self.marks = {}, {} end

-- Mostly healthy losses near 1 or near chance, and everything that is not.
local function random_loss(level)
  local dice = math.random(100)
  if dice <= 70 then return level * (1 + 0.1 * (math.random() - 0.5)) end
  if dice <= 76 then return 40 + math.random() end
  if dice <= 80 then return level * (3 + math.random()) end
  if dice <= 88 then return level * (1 + math.random()) end
  if dice <= 95 then return chance * (1 + 0.05 * (math.random() - 0.5)) end
  local wild = { 0 / 0, 1 / 0, -1 / 0 }
  return wild[math.random(3)]
end

-- A rollback brings the number back that was there at the backup's step.
local function check_rollback(g, world, reference)
  if not reference.backup then
    fails("no state has been confirmed", g.rollback, g)
    return
  end
  assert.equal(reference.backup, (g:rollback()))
  assert.equal(reference.backup, world.value)
  reference:rollback()
end

-- What the governor holds is what the reference does.
local function same_state(g, world, reference)
  local status, held = g:status(), reference.backup and 1 or 0
  for i, mark in ipairs(reference.marks) do
    if status.candidate_steps[i] ~= mark then return false end
  end
  return reference.backup == status.backup_step
    and #reference.marks == #status.candidate_steps
    and #reference.marks + held == world.held
    and (reference:tail() > 0) == (status.bad_in_a_row > 0)
end

local function random_run(counts)
  local g, world = small(rules)
  local reference = setmetatable({ history = {}, marks = {} }, Reference)
  local level = math.random() < 0.3 and chance or 1
  for step = 1, 60 do
    if math.random() < 0.02 then level = 1 end
    world.value = step
    local loss = random_loss(level)
    local verdict = g:observe{ step = step, loss = loss }
    local expected = reference:observe(step, loss)
    if expected ~= (verdict ~= nil) then
      error(("step %d, loss %g: %s"):format(step, loss, expected
            and "no verdict" or "verdict " .. verdict.text))
    end
    if verdict then
      counts[verdict.rule] = (counts[verdict.rule] or 0) + 1
    end
    if math.random() < 0.3 then
      g:mark(step)
      reference:mark(step)
    end
    if verdict and math.random() < 0.8 or math.random() < 0.01 then
      check_rollback(g, world, reference)
    end
    if not same_state(g, world, reference) then
      error(("step %d: other states are held"):format(step))
    end
  end
end

describe("3,000 random runs", function()
  it("go as the rules say, and every rule has its turn", function()
    math.randomseed(11)
    local counts = {}
    for _ = 1, 3000 do random_run(counts) end
    for _, rule in ipairs{ "non_finite", "collapse", "absolute", "ratio",
                           "sigma" } do
      assert.is_true((counts[rule] or 0) > 20, rule)
    end
  end)
end)

-- --- a training run ---------------------------------------------------------

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

local function hash(run)
  local list = {}
  for name, t in pairs(run.model:state()) do list[name] = bits.of(t) end
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
      moon.synchronize()
      collectgarbage()
      collectgarbage()
      local stats = moon.stats()
      return { stats.live_tensors, stats.live_bytes, stats.live_nodes }
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
