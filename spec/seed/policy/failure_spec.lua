local moon = require "moonseed"
local policy = require "support.policy"
local task = require "support.task"
local ticks = require "support.ticks"

-- Fails at every second view, after it has changed its state.
local function every_second(body)
  return policy.text("state.n = state.n + 1 if view.step == 1 then "
    .. body .. " end return { { slot = 'early', action = 'prune', "
    .. "why = 'n ' .. state.n } }")
end

describe("a decision that fails", function()
  before_each(policy.open)
  after_each(policy.close)

  local function fails(body, kind, why, options)
    return task(function()
      local host, events = policy.start(every_second(body), options)
      assert.equal("n 1", policy.ask(host)[1].why)
      local before = host:state()
      local actions, text = policy.ask(host, policy.view{ step = 1 })
      assert.is_nil(actions)
      assert.matches(why, text)
      assert.equal(1, #events)
      assert.equal(kind, events[1].kind)
      assert.equal(text, events[1].why)
      assert.equal(before:gsub("next_idn%d+", ""),
                   host:state():gsub("next_idn%d+", ""))
      assert.equal("n 2", policy.ask(host)[1].why)
    end)
  end

  it("by an error changes nothing",
     fails("error 'no idea'", "policy_failed", "policy.lua:3: no idea"))
  it("by a wrong return type changes nothing",
     fails("return 3", "policy_failed",
           "decide returns a list of actions, not the number 3"))
  it("by an unknown action changes nothing",
     fails("return { { slot = 'early', action = 'water' } }", "policy_failed",
           "action 1: no action 'water'"))
  it("by an unknown slot changes nothing",
     fails("return { { slot = 'middle', action = 'prune' } }",
           "policy_failed", "action 1: there is no slot 'middle'"))
  it("by an unknown blueprint changes nothing",
     fails("return { { slot = 'early', action = 'germinate', blueprint = "
           .. "'x' } }", "policy_failed", "action 1: there is no blueprint"))
  it("by a field of another type changes nothing",
     fails("return { { slot = 'early', action = 'prune', why = 3 } }",
           "policy_failed", "action 1: why is a string, not the number 3"))
  it("by an unknown field changes nothing",
     fails("return { { slot = 'early', action = 'prune', because = '' } }",
           "policy_failed", "action 1 has an unknown field 'because'"))
  it("by two actions for one seed changes nothing",
     fails("local p = { slot = 'early', action = 'prune' } return { p, p }",
           "policy_failed", "action 2: slot 'early' has an action already"))
  it("by a table with names changes nothing",
     fails("return { slot = 'early', action = 'prune' }", "policy_failed",
           "decide returns a list of actions; this table has names"))
  it("by a state that cannot be kept changes nothing",
     fails("state.f = print", "policy_failed", "state%.f is a function"))
  it("by an endless loop is stopped",
     fails("while true do end", "policy_overdue", "took more than 60 ms",
           { limit_ms = 60 }))
  it("by an endless loop inside pcall is stopped",
     fails("while true do pcall(function() while true do end end) end",
           "policy_overdue", "took more than 60 ms", { limit_ms = 60 }))
  it("by too much memory is stopped",
     fails("local t = {} while true do t[#t + 1] = {} end", "policy_overdue",
           "used more than 256 MB", { limit_ms = 20000 }))
  -- The pattern needs more steps than there is time for, all of them in C.
  it("that no hook can stop is abandoned",
     fails("(('a'):rep(24)):find(('a?'):rep(24) .. ('a'):rep(24) .. 'b')",
           "policy_overdue", "cannot be stopped", { limit_ms = 60 }))

  it("by an endless loop leaves the loop its turns", task(function()
    local host = policy.start(policy.text "while true do end",
                              { limit_ms = 300 })
    ticks.assert_kept(function() policy.ask(host) end)
  end))

  it("by an endless loop does not keep a host from closing", task(function()
    local host = policy.start(policy.text "while true do end")
    host:ask(policy.view())
    host:close()
    host:close()
  end))

  it("that is stopped after its host was closed does no harm", task(function()
    local host = policy.start(policy.text "while true do end",
                              { limit_ms = 20 })
    host:ask(policy.view())
    host:close()
    moon.sleep(100)
  end))
end)
