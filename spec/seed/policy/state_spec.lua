local policy = require "support.policy"
local task = require "support.task"

local COUNT = policy.text("state.n = state.n + 1 return { { slot = 'early', "
  .. "action = 'prune', why = state.n .. ' ' .. math.random() .. ' ' "
  .. ".. view.step } }")

local function why_of(host, step)
  return policy.ask(host, policy.view{ step = step })[1].why
end

describe("what a policy remembers", function()
  before_each(policy.open)
  after_each(policy.close)

  it("comes back in another host, random numbers too", task(function()
    local a = policy.start(COUNT, { rng_seed = 3 })
    why_of(a, 1)
    local saved = a:state()
    local wanted = { why_of(a, 2), why_of(a, 3) }
    local b = policy.start(COUNT, { rng_seed = 99 })
    b:restore(saved)
    assert.equal(saved, b:state())
    assert.same(wanted, { why_of(b, 2), why_of(b, 3) })
  end))

  it("goes back in the same host", task(function()
    local host = policy.start(COUNT)
    local saved = host:state()
    local first = why_of(host, 1)
    host:restore(saved)
    assert.equal(first, why_of(host, 1))
  end))

  it("has the open questions with it", task(function()
    local a = policy.start(COUNT)
    why_of(a, 1)
    local ids = { a:ask(policy.view{ step = 2 }), a:ask(policy.view{}) }
    local saved = a:state()
    policy.wait_until(function() return a:is_ready(ids[2]) end)
    assert.equal(saved, a:state())
    local b = policy.start(COUNT)
    b:restore(saved)
    assert.same(a:answer(ids[1]), b:answer(ids[1]))
    assert.same(a:answer(ids[2]), b:answer(ids[2]))
    assert.equal(a:state(), b:state())
  end))

  it("goes back while the policy thinks", task(function()
    local host = policy.start(COUNT)
    local saved = host:state()
    local first = why_of(host, 1)
    host:ask(policy.view{ step = 2 })
    host:restore(saved)
    assert.equal(first, why_of(host, 1))
  end))

  it("of another policy is refused", task(function()
    local host = policy.start(COUNT)
    local before = host:state()
    local other = policy.start((COUNT:gsub("'test'", "'other'")))
    assert.error_matches(function() other:restore(before) end,
      "policy: restore: the state is of policy 'test', not 'other'")
    assert.error_matches(function() host:restore "rubbish" end,
                         "policy: restore: not a state of a policy host")
    assert.equal(before, host:state())
  end))

  it("of another version is migrated, or refused", task(function()
    local saved = policy.start(COUNT):state()
    local text = policy.text("return { { slot = 'early', action = 'prune', "
      .. "why = state.text } }", 2, "function policy.migrate(s, from) "
      .. "return { text = 'from ' .. from .. ' ' .. s.n } end")
    local host = policy.start(text)
    host:restore(saved)
    assert.equal("from 1 0", why_of(host, 1))
    host = policy.start(policy.text("", 2))
    assert.error_matches(function() host:restore(saved) end,
      "version 1, this policy has version 2 and no migrate")
  end))
end)
