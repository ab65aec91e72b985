local bits = require "support.bits"
local gardens = require "support.garden"
local moon = require "moonseed"
local policy = require "support.policy"
local files = require "support.files"
local task = require "support.task"

-- A garden whose policy is this body of decide.
local function garden_of(body, options)
  local o = { policy = files.write(policy.path "policy.lua",
                                   policy.text(body)) }
  for name, value in pairs(options or {}) do o[name] = value end
  moon.manual_seed(3)
  return gardens.run(o)
end

local function epoch(run, steps)
  run.steps(steps or 4)
  run.garden:epoch()
end

local function find(run, kind)
  for _, event in ipairs(run.events) do
    if event.kind == kind then return event end
  end
end

local plant = [[
  if view.slots[1].stage == "DORMANT" then
    return { { slot = "early", action = "germinate", blueprint = "conv_small",
               why = "asked at " .. view.step } }
  end
]]

describe("a decision", function()
  before_each(policy.open)
  after_each(policy.close)

  it("is done at the end of the next epoch", task(function()
    local run = garden_of(plant)
    epoch(run)
    assert.equal("DORMANT", run.slot:stage())
    run.steps(3)
    assert.equal("DORMANT", run.slot:stage())
    epoch(run, 1)
    assert.equal("GERMINATED", run.slot:stage())
    local event = run.slot:history()[1]
    assert.equal("asked at 4", event.why)
    assert.equal(8, event.step)
    assert.equal(4, find(run, "plan_applied").asked)
    run.garden:close()
  end))

  it("is done `lag` steps after its snapshot, however long it took",
     task(function()
    local run = garden_of(plant, { lag = 3 })
    epoch(run)
    run.steps(2)
    assert.equal("DORMANT", run.slot:stage())
    run.steps(1)
    assert.equal("GERMINATED", run.slot:stage())
    assert.equal(7, run.slot:history()[1].step)
    run.garden:close()
  end))

  it("is done when it comes, with `free`, and the step is recorded",
     task(function()
    local run = garden_of(plant, { free = true })
    epoch(run)
    while run.slot:stage() == "DORMANT" do
      moon.sleep(1)
      run.steps(1)
    end
    local event = find(run, "plan_applied")
    assert.equal(4, event.asked)
    assert.equal(run.slot:history()[1].step, event.step)
    run.garden:close()
  end))

  it("about a seed that has changed is rejected with the reason",
     task(function()
    local run = garden_of(plant)
    epoch(run)
    run.slot:germinate "norm"
    epoch(run)
    assert.equal("norm", run.slot:seed().blueprint)
    assert.equal("early has changed since step 4, it is GERMINATED",
                 find(run, "plan_rejected").why)
    run.garden:close()
  end))

  it("that cannot be done whole is not done at all", task(function()
    local run = garden_of [[
      return { { slot = "early", action = "germinate", blueprint = "norm" },
               { slot = "late", action = "germinate", blueprint = "lora" } }
    ]]
    epoch(run)
    epoch(run)
    assert.equal("DORMANT", run.slot:stage())
    assert.equal(0, #run.slot:history())
    assert.truthy(find(run, "plan_rejected").why:find("lora", 1, true))
    run.garden:close()
  end))

  it("waits while the garden cools down", task(function()
    local run = garden_of([[
      local at = state.n
      state.n = at + 1
      if at < 2 then
        return { { slot = ({ "early", "late" })[at + 1], action = "germinate",
                   blueprint = "norm" } }
      end
    ]], { cooldown = 6 })
    for _ = 1, 3 do epoch(run) end
    assert.equal("GERMINATED", run.slot:stage())
    assert.equal("DORMANT", run.garden:slot("late"):stage())
    assert.equal("cooling down: 4 of 6 steps since the last plan",
                 find(run, "plan_rejected").why)
    run.garden:close()
  end))

  it("gives the same run, bit for bit, every time", task(function()
    local function weights()
      local run = garden_of([[
        local actions = life.advance(view, life.options())
        if view.slots[1].stage == "DORMANT" and math.random() < 0.7 then
          actions[#actions + 1] = { slot = "early", action = "germinate",
            blueprint = view.blueprints[math.random(#view.blueprints)] }
        end
        return actions
      ]], { rng_seed = 5, blueprints = { "norm", "conv_small", "attention" } })
      for _ = 1, 6 do epoch(run, 25) end
      local parts = {}
      for name, p in run.model:parameters() do
        parts[#parts + 1] = name .. bits.of(p)
      end
      run.garden:close()
      return table.concat(parts), #run.slot:history()
    end
    local first, changes = weights()
    assert.is_true(changes > 2, changes)
    assert.is_true(first == weights())
  end))
end)

describe("a policy in a garden", function()
  before_each(policy.open)
  after_each(policy.close)

  it("sees what was measured, and nothing of what was not", task(function()
    local run = garden_of [[
      local early = view.slots[1]
      local text = {}
      for _, name in ipairs{ "name", "stage", "alpha", "contribution",
                             "improvement", "blueprint", "gate" } do
        text[#text + 1] = name .. "=" .. tostring(early[name])
      end
      error(table.concat(text, " ") .. " " .. tostring(view.host.valid_accuracy)
            .. " " .. #view.host.valid_losses .. " "
            .. view.host.parameters, 0)
    ]]
    epoch(run)
    epoch(run)
    local event = find(run, "policy_failed")
    assert.truthy(event.why:find("name=early stage=DORMANT alpha=0 "
      .. "contribution=nil improvement=nil blueprint=nil gate=nil", 1, true),
      event.why)
    assert.truthy(event.why:find(" 1 " .. 72 + 16 + 72 + 36, 1, true),
                  event.why)
    run.garden:close()
  end))

  it("that fails or thinks for ever stops nothing", task(function()
    local run = garden_of("while true do end", { lag = 4 })
    epoch(run)
    run.steps(3)
    assert.equal(7, run.garden.steps)
    run.garden:close()
  end))
end)
