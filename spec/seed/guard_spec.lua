local bits = require "support.bits"
local context = require "moonseed.context"
local gardens = require "support.garden"
local moon = require "moonseed"
local task = require "support.task"

local function generator()
  local words, list = context.save_generator(), {}
  for i = 0, 4 do list[i + 1] = tostring(words[i]) end
  return table.concat(list, " ")
end

-- The host's parameters and buffers.
local function hash(model)
  local parts = {}
  for name, t in model:parameters() do
    if not name:find "seed%d" then parts[#parts + 1] = name .. bits.of(t) end
  end
  for name, t in model:buffers() do
    if not name:find "seed%d" then parts[#parts + 1] = name .. bits.of(t) end
  end
  return table.concat(parts)
end

local function find(run, kind)
  for _, event in ipairs(run.events) do
    if event.kind == kind then return event end
  end
end

-- Steps until the governor has a confirmed state; states by step.
local function until_confirmed(run)
  local states = {}
  repeat
    run.step()
    states[run.garden.steps] = { weights = hash(run.model),
                                 generator = generator() }
  until run.garden.guard.governor:status().backup_step
    and run.garden.steps > 120
  return states
end

local function break_weights(run)
  moon.no_grad(function() run.model["1"].weight:fill_(0 / 0) end)
end

describe("a garden with a governor", function()
  it("goes back to the last confirmed state after a NaN", task(function()
    moon.manual_seed(3)
    local run = gardens.run{ governor = true }
    run.steps(5)
    run.slot:germinate "conv_light"
    run.slot:advance{ force = true }
    run.garden:slot("late"):germinate "norm"
    local states = until_confirmed(run)
    break_weights(run)
    local broke = run.garden.steps
    repeat run.step() until find(run, "rolled_back")
    local event = find(run, "rolled_back")
    assert.equal("non_finite", event.rule)
    assert.is_true(run.garden.steps - broke <= 6)
    local good = states[event.to]
    assert.is_true(hash(run.model) == good.weights)
    assert.equal(good.generator, generator())
    for name, v in pairs(run.opt:state()) do
      if name:find "^velocity" then
        assert.equal(0, v:statistics()[1]:item(), name)
      end
    end
    assert.equal("PRUNED", run.slot:stage())
    assert.equal("PRUNED", run.garden:slot("late"):stage())
    run.steps(20)
    assert.is_true(run.loss:item() < 2)
    run.garden:close()
  end))

  it("leaves a fossil where it is and restores its weights", task(function()
    moon.manual_seed(3)
    local run = gardens.run{ governor = true }
    run.steps(2)
    gardens.grow(run, "FOSSILIZED", "conv_light")
    until_confirmed(run)
    moon.no_grad(function()
      for _, p in run.slot:seed().module:parameters() do p:fill_(0 / 0) end
    end)
    repeat run.step() until find(run, "rolled_back")
    assert.equal("FOSSILIZED", run.slot:stage())
    for name, p in run.model:parameters() do
      assert.equal(0, p:statistics()[3]:item(), name)
    end
    run.garden:close()
  end))

  it("says so when there is nothing to go back to", task(function()
    local run = gardens.run{ governor = true }
    break_weights(run)
    run.steps(8)
    local event = find(run, "not_rolled_back")
    assert.truthy(event.why:find("no state was confirmed yet", 1, true))
    run.garden:close()
  end))

  it("lets the policy do nothing in the step of a rollback", task(function()
    local asked = 0
    moon.manual_seed(3)
    local run = gardens.run{ governor = true }
    until_confirmed(run)
    local decisions = run.garden.decisions
    decisions.step = function(self)
      asked = asked + 1
      getmetatable(self).__index.step(self)
    end
    break_weights(run)
    local before
    repeat
      before = asked
      run.step()
    until find(run, "rolled_back")
    assert.equal(before, asked)
    run.step()
    assert.equal(before + 1, asked)
    run.garden:close()
  end))

  it("ignores a single spike of the loss", task(function()
    moon.manual_seed(3)
    local run = gardens.run{ governor = { absolute = 50 } }
    until_confirmed(run)
    run.garden:step{ y = run.y, loss = moon.full({ 1 }, 1000) }
    run.steps(30)
    assert.is_nil(find(run, "rolled_back"))
    for _ = 1, 3 do
      run.garden:step{ y = run.y, loss = moon.full({ 1 }, 1000) }
    end
    run.steps(6)
    assert.equal("absolute", find(run, "rolled_back").rule)
    run.garden:close()
  end))

  it("changes no bit of a healthy run", task(function()
    local function weights(governor)
      moon.manual_seed(3)
      local run = gardens.run{ governor = governor }
      run.steps(120)
      local result = hash(run.model) .. generator()
      run.garden:close()
      return result
    end
    assert.is_true(weights(false) == weights(true))
  end))
end)
