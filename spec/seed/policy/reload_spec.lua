local files = require "support.files"
local moon = require "moonseed"
local policy = require "support.policy"
local task = require "support.task"
local ticks = require "support.ticks"
local Thread = require "moonseed.seed.policy.thread"

local function count(set)
  local n = 0
  for _ in pairs(set) do n = n + 1 end
  return n
end

-- A policy that says `word` and how often it was asked.
local function says(word, version, more)
  return policy.text("state.n = state.n + 1 return { { slot = 'early', "
    .. "action = 'prune', why = '" .. word .. " ' .. state.n } }", version,
    more)
end

local function why_of(host)
  local actions, why = policy.ask(host)
  return actions and actions[1].why or "failed: " .. why
end

-- Writes as an editor does that keeps the file.
local function save(text)
  files.write(policy.path "policy.lua", text)
end

-- Boundaries, as a training loop has them, until there is an event.
local function wait_for_event(host, events)
  local n = #events
  policy.wait_until(function()
    host:boundary()
    return #events > n
  end)
  return events[#events]
end

describe("a policy's file that changes", function()
  before_each(policy.open)
  after_each(policy.close)

  it("takes over with the state there is", task(function()
    local host, events = policy.start(says "old")
    assert.equal("old 1", why_of(host))
    save(says "new")
    local event = wait_for_event(host, events)
    assert.same({ kind = "policy_reloaded", version = 1,
                  path = policy.path "policy.lua" }, event)
    assert.equal("new 2", why_of(host))
    assert.equal(1, #events)
  end))

  it("takes over when another is renamed over it, again and again",
     task(function()
    local host, events = policy.start(says "old")
    local n = count(Thread.records)
    for i = 1, 3 do
      local path = files.write(policy.path ".policy.lua.swp", says("new" .. i))
      assert(os.rename(path, policy.path "policy.lua"))
      assert.equal("policy_reloaded", wait_for_event(host, events).kind)
      assert.equal("new" .. i .. " " .. i, why_of(host))
    end
    assert.equal(3, #events)
    assert.equal(n, count(Thread.records))  -- no thread is left over
  end))

  it("takes over at a boundary only", task(function()
    local host, events = policy.start(says "old")
    save(says "new")
    policy.wait_until(function()
      return host.candidate and host.candidate.ready
    end)
    assert.equal("old 1", why_of(host))
    assert.same({}, events)
    host:boundary()
    assert.equal("new 2", why_of(host))
  end))

  it("is one change when it is written many times at once", task(function()
    local host, events = policy.start(says "old")
    for i = 1, 20 do save(says("new" .. i)) end
    wait_for_event(host, events)
    assert.equal("new20 1", why_of(host))
    assert.equal(1, #events)
  end))

  it("is no change when it is written as it was", task(function()
    local host, events = policy.start(says "old")
    save(says "old")
    save(says "old")
    moon.sleep(200)
    host:boundary()
    assert.is_nil(host.candidate)
    assert.same({}, events)
  end))

  it("is not looked at beside others in its folder", task(function()
    local host, events = policy.start(says "old")
    files.write(policy.path "policy.lua.bak", says "new")
    moon.sleep(200)
    host:boundary()
    assert.equal("old 1", why_of(host))
    assert.same({}, events)
  end))

  -- A bad text: the old one stays, an event says why, and a good one can
  -- follow.
  local function rejects(text, why, options)
    return task(function()
      local host, events = policy.start(says "old", options)
      assert.equal("old 1", why_of(host))
      save(text)
      local event = wait_for_event(host, events)
      assert.equal("policy_rejected", event.kind)
      assert.matches(why, event.why)
      assert.equal("old 2", why_of(host))
      save(says "new")
      assert.equal("policy_reloaded", wait_for_event(host, events).kind)
      assert.equal("new 3", why_of(host))
    end)
  end

  it("is rejected with a syntax error",
     rejects("local = 3", "policy.lua:1: .*expected near '='"))
  it("is rejected with bytecode",
     rejects(string.dump(function() end), "attempt to load chunk with wrong"))
  it("is rejected with a runtime error",
     rejects(policy.text "return nil + 1", "policy.lua:3: attempt to perform"))
  it("is rejected with a runtime error that only the state brings out",
     rejects(policy.text "if state.n > 0 then error 'many' end",
             "policy.lua:3: many"))
  it("is rejected with a wrong return type",
     rejects(policy.text "return 'prune'",
             "decide returns a list of actions, not 'prune'"))
  it("is rejected when it returns no policy",
     rejects("return {}", "policy.name is a string, not nothing"))
  it("is rejected when it is empty",
     rejects("", "returns a table, not nothing"))
  it("is rejected with an endless loop",
     rejects(policy.text "while true do end", "took more than 100 ms",
             { limit_ms = 100 }))
  it("is rejected with another version and no migrate",
     rejects(says("new", 2), "the state is of version 1, this policy has "
             .. "version 2 and no migrate"))
  it("is rejected when migrate fails",
     rejects(says("new", 2, "function policy.migrate() error 'cannot' end"),
             "cannot"))
  it("is rejected when migrate returns no state",
     rejects(says("new", 2, "function policy.migrate() return 3 end"),
             "migrate returns a state, a table, not the number 3"))

  it("takes over with a migrated state", task(function()
    local host, events = policy.start(says "old")
    why_of(host)
    save(says("new", 2, "function policy.migrate(state, from_version) "
              .. "return { n = state.n + 100 * from_version } end"))
    assert.equal(2, wait_for_event(host, events).version)
    assert.equal("new 102", why_of(host))
    assert.equal("new 103", why_of(host))
  end))

  it("goes back when the state of the day cannot be migrated",
     task(function()
    local host, events = policy.start(says "old")
    save(says("new", 2, "function policy.migrate(state) "
              .. "assert(state.n < 1, 'too many') return state end"))
    policy.wait_until(function()
      return host.candidate and host.candidate.ready
    end)
    assert.equal("old 1", why_of(host))
    host:boundary()
    assert.equal("old 2", why_of(host))
    assert.equal("policy_reloaded", events[1].kind)
    assert.equal("policy_rejected", events[2].kind)
    assert.matches("too many", events[2].why)
  end))

  it("may think for 500 ms, and the loop goes on", task(function()
    local host, events = policy.start(says "old")
    save(policy.text("for i = 1, 1e6 * view.step do local _ = i * 2 end "
                     .. "return {}"))
    ticks.assert_kept(function()
      moon.sleep(400)
      host:boundary()
    end)
    policy.wait_until(function()
      host:boundary()
      return #events > 0
    end)
    assert.equal("policy_reloaded", events[1].kind)
  end))

  it("is used on when it is deleted, until it comes back", task(function()
    local host, events = policy.start(says "old")
    os.remove(policy.path "policy.lua")
    local event = wait_for_event(host, events)
    assert.equal("policy_deleted", event.kind)
    assert.matches("ENOENT", event.why)
    assert.equal("old 1", why_of(host))
    save(says "new")
    assert.equal("policy_reloaded", wait_for_event(host, events).kind)
    assert.equal("new 2", why_of(host))
  end))

  it("does not keep a host from closing while it is tried", task(function()
    local host = policy.start(says "old")
    save(policy.text "while true do end")
    policy.wait_until(function() return host.candidate end)
    host:close()
  end))
end)

describe("a program with a policy", function()
  before_each(policy.open)
  after_each(policy.close)

  -- What a script prints, with its exit status as the last line.
  local function run(body)
    local script = files.write(policy.path "script.lua", [[
      local Host = require "moonseed.seed.policy.host"
      local host = Host.start{ path = arg[1] }
      local view = { version = 1, step = 1, epoch = 1, host = {}, slots = {},
                     blueprints = {}, outcomes = {} }
      ]] .. body)
    files.write(policy.path "policy.lua", policy.text(
      "while view.step == 2 do end"))
    local pipe = io.popen(("timeout 60 scripts/moonseed %s %s 2>&1; echo $?")
      :format(script, policy.path "policy.lua"))
    local text = pipe:read "*a"
    pipe:close()
    return text
  end

  it("ends with the host open", function()
    assert.equal("0\n0\n", run "print(#host:answer(host:ask(view)))")
  end)

  it("ends with the host closed", function()
    assert.equal("0\n", run "host:close()")
  end)

  it("ends while the policy loops for ever", function()
    assert.equal("0\n", run "view.step = 2 host:ask(view)")
  end)

  it("ends after an error, with its text", function()
    assert.matches("^moonseed:.*oh.*1\n$", run "host:ask(view) error 'oh'")
  end)
end)
