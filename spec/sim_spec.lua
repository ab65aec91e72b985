-- The device that looks for races: it finds none where none are, and each
-- mutation, which breaks one promise on purpose, turns its check red.

local moon = require "moonseed"
local bits = require "support.bits"
local sim = require "moonseed.sim"
local task = require "support.task"

-- Runs fn on sim, set up with these options; returns what fn does.
local function on_sim(options, fn)
  moon.synchronize()
  sim.configure(options)
  local threads = moon.threads()
  moon.set_threads(2)
  local child = moon.spawn(function()
    moon.set_device "sim"
    moon.manual_seed(3)
    return fn()
  end)
  local result = { pcall(child.await, child) }
  pcall(moon.synchronize)  -- raises what in-place ops have left
  moon.set_threads(threads)
  sim.configure{}
  if not result[1] then error(result[2], 0) end
  return unpack(result, 2)
end

local function two_streams()
  local streams = moon.streams "sim"
  return streams:next(), streams:next()
end

-- --- one check for each promise: returns whether it holds ----------------

local holds = {}

-- A reader on another stream comes after the writer.
function holds.skip_edge()
  local s, t = two_streams()
  local x = moon.on(s, function() return moon.randn(64, 64) end)
  moon.on(t, function() return x * 2 end):await()
  return sim.races() == 0
end

-- Memory is not written again while somebody may still read it.
function holds.reuse_block()
  local s, t = two_streams()
  local x = moon.on(s, function() return moon.randn(1000) end)
  local y = moon.on(s, function() return x:exp() end)
  x:dispose()
  moon.on(t, function() return moon.zeros(1000) end):await()
  y:await()
  return sim.races() == 0
end

-- Gradients add up in program order: here 0.1 + 0.2 + ... of many sizes.
function holds.run_order()
  local seen
  for rng_seed = 1, 8 do
    moon.manual_seed(rng_seed)
    moon.synchronize()
    local w, total = moon.zeros(32):requires_grad(), nil
    for i = 1, 12 do
      local branch = (w * (0.1 * 3 ^ i)):sum()
      total = total and total + branch or branch
    end
    total:backward()
    local got = bits.of(w.grad)
    if seen and got ~= seen then return false end
    seen = got
  end
  return true
end

-- The spans of the last op of each stream.
local function last_spans(...)
  moon.synchronize()
  local found, list = {}, {}
  for _, span in ipairs(moon.streams("sim"):recent(1)) do
    found[span.stream] = span
  end
  for i, stream in ipairs{ ... } do list[i] = found[stream:id()] end
  return unpack(list)
end

-- What a stream is given after stream:wait(event) runs after the event; four
-- times, for delays are random.
function holds.unwaited_event()
  for _ = 1, 4 do
    local s, t = two_streams()
    moon.on(s, function() moon.zeros(1) end)
    t:wait(s:event())
    moon.on(t, function() moon.zeros(1) end)
    local first, second = last_spans(s, t)
    if second.start_ns < first.end_ns then return false end
  end
  return true
end

-- Of ops on two streams some run side by side.
function holds.serialise()
  local seen = false
  for _ = 1, 4 do
    local s, t = two_streams()
    moon.on(s, function() moon.zeros(1) end)
    moon.on(t, function() moon.zeros(1) end)
    local first, second = last_spans(s, t)
    seen = seen or first.start_ns < second.end_ns
                   and second.start_ns < first.end_ns
  end
  return seen
end

-- A loss that fails in its worker: a label out of range.
local function failed_loss()
  local labels = moon.tensor({ 0, 9 }, { dtype = "i64" })
  return moon.cross_entropy(moon.zeros(2, 3), labels)
end

-- The error of a failed op reaches what is computed from it.
function holds.drop_error()
  local y = failed_loss() * 2
  local ok, why = pcall(y.await, y)
  return not ok and why:find("cross_entropy", 1, true) ~= nil
end

-- An in-place op with a failed input writes nothing.
function holds.partial_write()
  local target = moon.full({ 50 }, 3.25):await()
  local before = bits.of(target)
  target:copy_(failed_loss())
  pcall(moon.synchronize)
  return bits.of(target) == before
end

-- Backward refuses values that were changed in place since the forward.
function holds.stale_version()
  local x = moon.ones(4):requires_grad()
  local y = x:exp()
  local loss = (y * 2):sum()
  y:detach():add_(1)
  return not pcall(loss.backward, loss)
end

local promises = {
  skip_edge = "a reader on another stream comes after the writer",
  reuse_block = "memory in use is not given out again",
  run_order = "gradients add up in program order",
  unwaited_event = "a stream that waits for an event runs after it",
  serialise = "ops on two streams run side by side",
  drop_error = "an error reaches what is computed from its op",
  partial_write = "an in-place op with a failed input writes nothing",
  stale_version = "backward refuses values changed in place",
}

local function settings(which, mutate)
  local slow = which == "unwaited_event" or which == "serialise"
  return { mutate = mutate, check = true, max_delay_ms = slow and 60 or 2 }
end

describe("on sim", function()
  for which, promise in pairs(promises) do
    it(promise, task(function()
      assert.is_true(on_sim(settings(which, "none"), holds[which]))
    end))
    it(("the mutation '%s' is caught by: %s"):format(which, promise),
       task(function()
      assert.is_false(on_sim(settings(which, which), holds[which]))
    end))
  end

  it("every mutation has a check", function()
    for name in pairs(sim.mutations) do
      assert.is_true(name == "none" or holds[name] ~= nil, name)
    end
  end)

  it("a race is described by its ops and streams", task(function()
    local text = on_sim(settings("skip_edge", "skip_edge"), function()
      holds.skip_edge()
      return select(2, sim.races())
    end)
    assert.matches("race: mul on stream %d+ reads what random on stream %d+ "
                   .. "writes", text)
  end))

  it("the op that is told to fail does, and what follows carries it",
     task(function()
    on_sim({ fail_op = 2 }, function()
      local x = moon.zeros(100)
      local y = x:exp()
      local z = y + 1
      local ok, why = pcall(z.await, z)
      assert.is_false(ok)
      assert.matches("exp: failure injected", why)
      assert.equal(0, x:sum():item())
    end)
  end))

  it("cannot be set up while ops are in flight, or to nonsense",
     task(function()
    assert.error_matches(function() sim.configure{ mutate = "all" } end,
                         "sim: there is no mutation 'all'")
    assert.error_matches(function() sim.configure{ wrap = "sim" } end,
                         "sim: cannot wrap")
    assert.error_matches(function() sim.configure{ speed = 1 } end, "speed")
    on_sim({ max_delay_ms = 50 }, function()
      local x = moon.zeros(10)
      assert.error_matches(function() sim.configure{} end, "in flight")
      x:await()
    end)
  end))
end)
