local moon = require "moonseed"
local policy = require "support.policy"
local task = require "support.task"
local Host = require "moonseed.seed.policy.host"

local PLANT = "return { { slot = 'late', action = 'germinate', "
  .. "blueprint = 'norm', why = 'w' } }"
local COUNT = "state.n = state.n + 1 return { { slot = 'early', "
  .. "action = 'prune', why = state.n .. ' ' .. math.random(1000000) } }"

local function why_of(host)
  return policy.ask(host)[1].why
end

describe("a policy's host", function()
  before_each(policy.open)
  after_each(policy.close)

  it("answers with the actions that decide returned", task(function()
    local host = policy.start(policy.text(PLANT))
    assert.same({ { slot = "late", seed = 1, action = "germinate",
                    blueprint = "norm", why = "w" } }, policy.ask(host))
  end))

  it("answers with an empty list when decide returned nothing", task(function()
    assert.same({}, policy.ask(policy.start(policy.text "")))
  end))

  it("shows the view as it was asked about", task(function()
    local host = policy.start(policy.text(
      "view.slots[2].name = 'changed' return { { slot = 'early', "
      .. "action = 'prune', why = view.host.loss .. view.blueprints[3] } }"))
    local view = policy.view{ host = { loss = 1.5 } }
    assert.equal("1.5mlp", policy.ask(host, view)[1].why)
    assert.equal("late", view.slots[2].name)
  end))

  it("gives init the config", task(function()
    local host = policy.start("return { name = 'c', version = 1, init = "
      .. "function(c) return c end, decide = function(s) return { { slot = "
      .. "'early', action = 'prune', why = s.text } } end }",
      { config = { text = "from config" } })
    assert.equal("from config", why_of(host))
  end))

  it("takes the state that decide changes, or returns", task(function()
    local host = policy.start(policy.text(COUNT))
    why_of(host)
    assert.matches("^2 ", why_of(host))
    host = policy.start(policy.text("return { { slot = 'early', action = "
      .. "'prune', why = '' .. state.n } }, { n = state.n + 5 }"))
    why_of(host)
    assert.equal("5", why_of(host))
  end))

  it("is ready when the answer is there", task(function()
    local host = policy.start(policy.text(PLANT))
    local id = host:ask(policy.view())
    assert.is_false(host:is_ready(id))
    policy.wait_until(function() return host:is_ready(id) end)
    assert.equal(1, #host:answer(id))
  end))

  it("answers several questions in their order", task(function()
    local host = policy.start(policy.text(COUNT))
    local ids = {}
    for i = 1, 5 do ids[i] = host:ask(policy.view()) end
    for i = 1, 5 do
      assert.matches("^" .. i .. " ", host:answer(ids[i])[1].why)
    end
  end))

  it("draws the same numbers for the same rng_seed", task(function()
    local texts = {}
    for i, rng_seed in ipairs{ 7, 7, 8 } do
      local host = policy.start(policy.text(COUNT), { rng_seed = rng_seed })
      texts[i] = why_of(host) .. why_of(host)
    end
    assert.equal(texts[1], texts[2])
    assert.are_not.equal(texts[1], texts[3])
  end))

  it("refuses a view with a function", task(function()
    local host = policy.start(policy.text(PLANT))
    assert.error_matches(function() host:ask{ slots = { print } } end,
                         "policy: ask: the view.slots.1 is a function")
    assert.equal(1, #policy.ask(host))
  end))

  it("refuses an unknown question", task(function()
    local host = policy.start(policy.text(PLANT))
    assert.error_matches(function() host:answer(3) end,
                         "policy: answer: no question 3 is open")
  end))

  it("ends a waiting answer when it is closed", task(function()
    local host = policy.start(policy.text "while true do end")
    local id = host:ask(policy.view())
    local waiting = moon.spawn(function() return host:answer(id) end)
    moon.sleep(10)
    host:close()
    local actions, why = waiting:await()
    assert.is_nil(actions)
    assert.equal("the host is closed", why)
    assert.error_matches(function() host:ask(policy.view()) end,
                         "policy: ask: the host is closed")
  end))
end)

describe("starting a policy", function()
  before_each(policy.open)
  after_each(policy.close)

  local function refused(text, why, options)
    return task(function()
      assert.error_matches(function() policy.start(text, options) end, why)
    end)
  end

  it("refuses a syntax error, with its line",
     refused("return {\n}}", "policy%.lua:2: .*near '}'"))
  it("refuses bytecode", refused(string.dump(function() end), "policy%.lua"))
  it("refuses a file that returns no table",
     refused("", "a policy file returns a table, not nothing"))
  it("refuses a policy without decide",
     refused("return { name = 'x', version = 1 }",
             "policy%.decide is a function, not nothing"))
  it("refuses a version that is no whole number",
     refused("return { name = 'x', version = 1.5 }",
             "policy%.version is a whole number of at least 1, not the "
             .. "number 1.5"))
  it("refuses a file that fails", refused("local x = nil + 1", "policy.lua:1"))
  it("refuses a file that does not end",
     refused("while true do end", "took more than 50 ms", { limit_ms = 50 }))
  it("refuses a state with a function",
     refused("return { name = 'x', version = 1, decide = print, init = "
             .. "function() return { f = print } end }",
             "the policy's state%.f is a function"))
  it("refuses an unknown option",
     refused(policy.text "", "policy: no option 'seed'", { seed = 7 }))

  it("refuses a file that is not there", task(function()
    assert.error_matches(function()
      Host.start{ path = policy.path "nowhere.lua" }
    end, "nowhere.lua: No such file")
  end))
end)
