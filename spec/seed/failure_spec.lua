-- A seed that fails: the host goes on as if it were not there, in that very
-- step, and everybody can see it.

local bits = require "support.bits"
local gardens = require "support.garden"
local moon = require "moonseed"
local sim = require "moonseed.sim"
local task = require "support.task"
local nn, seed = moon.nn, moon.seed

-- What the seeds of the blueprint `frail` do.
local mood = "well"

-- One that takes part, and fails on demand: with an index that is out of range
-- its op fails on the device; with an error, in Lua.
local Frail = nn.Module:extend "Frail"
function Frail:init(options)
  self.conv = nn.Conv2d{ options[1], options[1], kernel = 1 }
end
local late = moon.op{
  name = "late",
  forward = function(_, x) return x * 1 end,
  backward = function(_, dy)
    if mood == "backward" then
      return dy:index_select(1, moon.full({ dy:size(1) }, 999,
                                          { dtype = "i64" }))
    end
    return dy
  end,
}
function Frail:forward(x)
  if mood == "lua" then error "out of sorts" end
  if mood == "waits" then moon.sleep(1e6) end
  local y = late(self.conv(x))
  if mood == "device" then
    local bad = moon.full({ y:size(1) }, 999, { dtype = "i64" })
    y = y:index_select(1, bad)
  end
  return x + (y - y:detach())
end

seed.blueprint("frail", { build = function(shape)
  return Frail{ shape[2] }
end })

-- A module whose forward draws nothing and whose values are the input's at
-- birth; `spoilt` gives it a value of its own, so that leaving it out shows.
local function events_of(run, kind)
  local list = {}
  for _, event in ipairs(run.events) do
    if event.kind == kind then list[#list + 1] = event end
  end
  return list
end

local function host_bits(run)
  local names, all = {}, {}
  for name in run.model:parameters() do
    if not name:find "seed" and not name:find "gate" then
      names[#names + 1] = name
    end
  end
  local state, values = run.opt:state(), {}
  for name, p in run.model:parameters() do values[name] = p end
  for _, name in ipairs(names) do
    all[#all + 1] = values[name]:detach()
    all[#all + 1] = values[name].grad
    all[#all + 1] = state["velocity." .. name]
  end
  for name, b in run.model:buffers() do
    if not name:find "seed" then all[#all + 1] = b end
  end
  all[#all + 1] = run.loss:detach()
  return bits.of_all(all)
end

-- Two runs that are the same until step `at`: one with a seed that blends and
-- fails there, one in which it is left out from there.
local function compare(ill, kind, host)
  local function run_of(fails)
    mood = "well"
    moon.manual_seed(5)
    local run = gardens.run{ slot = { host = host and nn.Conv2d{
      8, 8, kernel = 1 } or nil } }
    run.steps(2)
    gardens.grow(run, "HOLDING", "frail", { kind = kind })
    run.steps(3)
    if fails then mood = ill else run.slot.disabled = { true } end
    run.step()
    local first = host_bits(run)
    run.steps(4)  -- until it is noticed, at the latest
    mood = "well"
    run.steps(2)
    return first, host_bits(run), run
  end
  local a, b, run = run_of(true)
  local c, d, other = run_of(false)
  other.garden:close()
  return a == c, b == d, run
end

local texts = { device = "999", lua = "out of sorts", backward = "999" }

describe("a seed in the blend that fails", function()
  for ill, text in pairs(texts) do
    if ill ~= "backward" then
      it(("(%s) leaves that step and the next as they are without it")
         :format(ill), task(function()
        for _, kind in ipairs{ "add", "multiply", "gate" } do
          local same, later, run = compare(ill, kind)
          assert.is_true(same, kind)
          assert.is_true(later, kind)
          run.garden:close()
        end
        local same, later, run = compare(ill, "add", true)
        assert.is_true(same and later, "beside a host branch")
        run.garden:close()
      end))
    end

    it(("(%s) is seen: its text, its count, an event, no raise"):format(ill),
       task(function()
      local _, _, run = compare(ill, "add")
      local s = run.slot:seed()
      assert.matches(text, s.failure)
      assert.is_true(s:errors() > 0)
      local told = events_of(run, "failed")
      assert.equal(1, #told)
      assert.equal("frail", told[1].blueprint)
      assert.equal("HOLDING", told[1].stage)
      assert.matches(text, told[1].why)
      assert.equal(0, #run.slot.blended)
      assert.has_error(function() run.slot:fossilize{ force = true } end)
      assert.equal("HOLDING", run.slot:stage())
      run.slot:prune "failed"
      assert.is_nil(s.failure)
      run.steps(2)
      run.garden:epoch()
      run.garden:close()
    end))
  end

  it("may be measured at the end of the epoch", task(function()
    for _, ill in ipairs{ "device", "lua", "backward" } do
      moon.manual_seed(5)
      mood = "well"
      local run = gardens.run()
      run.steps(2)
      gardens.grow(run, "HOLDING", "frail")
      mood = ill
      run.step()
      local found = run.garden:epoch()
      assert.is_number(found.loss)
      mood = "well"
      run.garden:close()
    end
  end))
end)

describe("a seed that fails while it incubates", function()
  for ill, text in pairs(texts) do
    for _, how in ipairs{ "shadow", "tail", "through" } do
      it(("(%s, %s) is left alone, and the host does not notice")
         :format(ill, how), task(function()
        local function run_of(fails)
          mood = "well"
          moon.manual_seed(5)
          local run = gardens.run{ incubation = { [how] = how ~= "shadow"
                                                  or nil } }
          run.steps(3)
          if fails then
            run.slot:germinate "frail"
            run.slot:advance()
          end
          run.steps(2)
          if fails then mood = ill end
          run.steps(1)
          mood = "well"
          run.steps(5)
          return host_bits(run), run
        end
        local alone, other = run_of(false)
        other.garden:close()
        local beside, run = run_of(true)
        assert.is_true(alone == beside)
        local s = run.slot:seed()
        assert.matches(text, s.failure)
        assert.equal(1, #events_of(run, "failed"))
        assert.has_error(function() run.slot:advance{ force = true } end)
        run.garden:epoch()
        run.slot:prune()
        run.garden:close()
      end))
    end
  end

  it("is measured by nobody", task(function()
    for _, ill in ipairs{ "device", "lua" } do
      mood = "well"
      local run = gardens.run()
      run.steps(2)
      run.slot:germinate "frail"
      run.slot:advance()
      run.steps(2)
      mood = ill
      run.garden:epoch()
      mood = "well"
      assert.is_nil(run.slot:seed().improvement)
      assert.matches(texts[ill], run.slot:seed().failure)
      run.garden:close()
    end
  end))
end)

describe("an op that fails at random", function()
  -- The so many'th op on sim fails: whatever it is, a host's failure is raised,
  -- a seed's is not, and the runtime is well afterwards.
  it("is either the host's, and raised, or the seed's, and seen",
     task(function()
    moon.synchronize()
    mood = "well"
    local raised, seen = 0, 0
    for fail_op = 1, 200, 7 do
      sim.configure{}
      local child = moon.spawn(function()
        moon.set_device "sim"
        moon.manual_seed(5)
        local run = gardens.run()
        run.steps(1)
        gardens.grow(run, "HOLDING", "conv_light")
        run.steps(1)
        moon.synchronize()
        sim.configure{ fail_op = fail_op }
        local ok = pcall(function()
          run.steps(2)
          run.loss:item()
          moon.synchronize()
          for _ = 1, 5 do run.garden:step{} end
        end)
        if not ok then raised = raised + 1 end
        local failed = #events_of(run, "failed")
        if ok and failed == 1 then seen = seen + 1 end
        pcall(moon.synchronize)
        run.garden:close()
        return ok or failed
      end)
      pcall(child.await, child)
      pcall(moon.synchronize)
    end
    sim.configure{}
    assert.is_true(raised > 0 and seen > 0,
                   ("raised %d, seen %d"):format(raised, seen))
  end))
end)

describe("what stops the task is not the seed's failure:", function()
  local function in_forward(stop)
    mood = "well"
    local run = gardens.run()
    run.steps(1)
    gardens.grow(run, "HOLDING", "frail")
    mood = "waits"
    local ok, why = stop(function() run.step() end)
    mood = "well"
    assert.is_false(ok)
    assert.is_nil(run.slot:seed().failure)
    assert.equal(0, #events_of(run, "failed"))
    run.steps(1)
    run.garden:close()
    return tostring(why)
  end

  it("a timeout", task(function()
    assert.matches("10 ms", in_forward(function(fn)
      return pcall(moon.timeout, 10, fn)
    end))
  end))

  it("a cancellation", task(function()
    assert.matches("cancelled", in_forward(function(fn)
      local child = moon.spawn(fn)
      moon.sleep(2)
      child:cancel()
      return pcall(child.await, child)
    end))
  end))
end)
