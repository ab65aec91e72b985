-- optim.schedule: the rates, by hand; what fit makes of them is in fit_spec.
local task = require "support.task"
local moon = require "moonseed"
local optim = moon.optim
local schedule = optim.schedule

local function new_optim(lr)
  return optim.SGD{ { moon.ones(1):requires_grad() }, lr = lr or 0.5 }
end

-- The rates of the first n steps, as shares of the first rate.
local function shares(make, options, n)
  local opt = new_optim()
  options[1] = opt
  local rate, list = make(options), {}
  for i = 1, n do
    list[i] = opt.lr / 0.5
    rate:step()
  end
  return list
end

local function assert_near(wanted, got)
  assert.equal(#wanted, #got)
  for i, v in ipairs(wanted) do assert.near(v, got[i], 1e-12) end
end

describe("a schedule", function()
  it("may be constant", task(function()
    assert_near({ 1, 1, 1 }, shares(schedule.constant, {}, 3))
  end))

  it("warms up along a line before anything else", task(function()
    assert_near({ 0.25, 0.5, 0.75, 1, 1 },
                shares(schedule.constant, { warmup = 4 }, 5))
    assert_near({ 0.5, 1, 1, 0.5, 0, 0 },
                shares(schedule.linear, { warmup = 2, steps = 4 }, 6))
    assert_near({ 0.5, 1, 1, 0.5, 0, 0 },
                shares(schedule.linear, { warmup = 0.5, steps = 4 }, 6))
  end))

  it("may fall in steps", task(function()
    assert_near({ 1, 1, 0.1, 0.1, 0.01 },
                shares(schedule.step, { at = { 2, 4 } }, 5))
    assert_near({ 1, 1, 0.5, 0.5, 0.25 },
                shares(schedule.step, { every = 2, factor = 0.5 }, 5))
    assert_near({ 1, 1, 0.5, 0.5 }, shares(schedule.step, {
      at = { 0.5 }, steps = 4, factor = 0.5 }, 4))
  end))

  it("may fall along a line, or half a cosine, to a floor", task(function()
    assert_near({ 1, 0.75, 0.5, 0.25, 0, 0 },
                shares(schedule.linear, { steps = 4 }, 6))
    assert_near({ 1, 0.5 + math.sqrt(2) / 4, 0.5, 0.5 - math.sqrt(2) / 4, 0 },
                shares(schedule.cosine, { steps = 4 }, 5))
    assert_near({ 1, 0.55, 0.1 },
                shares(schedule.cosine, { steps = 2, floor = 0.1 }, 3))
  end))

  it("may go up and down in one cycle", task(function()
    assert_near({ 0, 0.5, 1, 0.75, 0.25, 0, 0 },
                shares(schedule.one_cycle, { steps = 5, rise = 0.4 }, 7))
    assert_near({ 0.1, 1, 0.775, 0.325, 0.1 }, shares(schedule.one_cycle, {
      steps = 4, rise = 0.25, start = 0.1, floor = 0.1 }, 5))
  end))

  -- torch.optim.lr_scheduler.ReduceLROnPlateau(factor=0.5, patience=1,
  -- threshold=0.01, cooldown=1, min_lr=0.2), rate 1, PyTorch 2.15.
  it("may wait for a plateau, as PyTorch's", task(function()
    local opt = new_optim(1)
    local rate = schedule.plateau{ opt, factor = 0.5, patience = 1,
                                   threshold = 0.01, cooldown = 1, floor = 0.2 }
    local losses = { 1, 0.9, 0.895, 0.9, 0.8, 0.81, 0.82, 0.83, 0.84, 0.85,
                     0.86, 0.87, 0.88, 0.89, 0.9 }
    local got = {}
    for i, loss in ipairs(losses) do got[i] = rate:tell(loss).optim.lr end
    assert_near({ 1, 1, 1, 0.5, 0.5, 0.5, 0.25, 0.25, 0.25, 0.2, 0.2, 0.2, 0.2,
                  0.2, 0.2 }, got)
  end))

  it("goes on elsewhere from its state", task(function()
    for _, case in ipairs{
      { "cosine", steps = 10, warmup = 3 }, { "one_cycle", steps = 10 },
      { "step", at = { 3, 5 } }, { "plateau", patience = 0, factor = 0.5 } } do
      local function new(opt)
        local options = { opt }
        for name, value in pairs(case) do
          if name ~= 1 then options[name] = value end
        end
        return schedule[case[1]](options)
      end
      local a, b = new_optim(), new_optim(7)
      local first, second = new(a), new(b)
      for k = 1, 4 do first:step():tell(k) end
      second:load_state(first:state())
      assert.equal(a.lr, b.lr)
      for k = 1, 4 do
        first:step():tell(k)
        second:step():tell(k)
        assert.equal(a.lr, b.lr)
      end
    end
  end))

  it("describes itself, for another one", task(function()
    local rate = schedule.cosine{ warmup = 0.1, floor = 0.5 }
    assert.same({ "cosine", warmup = 0.1, floor = 0.5 }, rate:describe())
    local other = schedule.of("fit", rate)
    assert.is_false(rawequal(rate, other))
    assert.same(rate:describe(), other:describe())
    assert.same({ "step", warmup = 0, factor = 0.1, at = { 3, 5 } },
                schedule.of("fit", { "step", at = { 3, 5 } }):describe())
    assert.is_nil(schedule.of("fit", math.cos):describe())
  end))

  it("leaves other rates to their owners: groups follow in proportion",
     task(function()
    local a, b = moon.ones(1):requires_grad(), moon.ones(1):requires_grad()
    local opt = optim.SGD{ { a, b }, lr = 1,
                           groups = { { match = "2", lr = 2 } } }
    schedule.linear{ opt, steps = 4 }:step()
    a.grad, b.grad = moon.ones(1), moon.ones(1)
    opt:step()
    assert.same({ 0.25, -0.5 }, { a:item(), b:item() })
  end))

  it("refuses what makes none", task(function()
    local opt = new_optim()
    local function refuses(text, fn, ...)
      local ok, e = pcall(fn, ...)
      assert.is_false(ok)
      assert.truthy(tostring(e):find(text, 1, true), e)
    end
    refuses("schedule.cosine: how many steps are there in all? Give steps =",
            schedule.cosine, { opt })
    refuses("schedule.constant: how many steps", schedule.constant,
            { opt, warmup = 0.5 })
    refuses("schedule.cosine: no option 'flor' (known: optim, floor, steps, "
            .. "warmup)", schedule.cosine, { opt, flor = 1 })
    refuses("floor is 2, expected a number in [0, 1]", schedule.cosine,
            { opt, steps = 4, floor = 2 })
    refuses("warmup is a whole number of steps or a share below 1, not 1.5",
            schedule.constant, { opt, warmup = 1.5 })
    refuses("schedule.step: give at = { steps } or every = steps",
            schedule.step, { opt })
    refuses("at[2] is a whole number of steps", schedule.step,
            { opt, at = { 1, -2 } })
    refuses("every is 0", schedule.step, { opt, every = 0 })
    refuses("expects an optimiser, with a number lr", schedule.constant, { 5 })
    refuses("has no optimiser; give it the one to drive",
            schedule.constant{}.step, schedule.constant{})
    refuses("fit: no schedule 'up' (constant, cosine, linear, one_cycle, "
            .. "plateau, step)", schedule.of, "fit", "up")
    refuses("fit: its schedule takes the optimiser and the steps of the run",
            schedule.of, "fit", { "cosine", steps = 5 })
    refuses("schedule.plateau: the loss is a number, not nothing",
            schedule.plateau{ opt }.tell, schedule.plateau{ opt })
    local rate = schedule.plateau{ opt }
    refuses("schedule.plateau: load_state: missing", rate.load_state, rate, {})
  end))
end)
