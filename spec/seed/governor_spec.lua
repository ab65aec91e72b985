-- The governor: which state is the backup, when it comes back, when growth must
-- wait.
local Governor = require "moonseed.seed.governor"

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
