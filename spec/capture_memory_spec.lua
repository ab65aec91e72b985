-- What moon.capture costs in memory, and what it does without.

local core = require "moonseed.ffi"
local moon = require "moonseed"
local runtime = require "moonseed.runtime"
local steps = require "support.steps"
local task = require "support.task"
local optim = moon.optim
local C = core.C

local function plain(fn) return fn end

describe("a capture's memory", function()
  local function count()
    jit.flush()  -- traces hold the constants they were compiled with
    collectgarbage()
    collectgarbage()
    moon.synchronize()
    local stats = moon.stats()
    return { bytes = stats.live_bytes, tensors = stats.live_tensors,
             nodes = stats.live_nodes }
  end

  it("is the same after 2,000 replays", task(function()
    local step, x, y = steps.small(moon.capture)
    for _ = 1, 50 do step(x, y) end
    local before = count()
    for _ = 1, 2000 do step(x, y) end
    assert.same(before, count())
  end))

  -- The most bytes that exist right after an op of a step.
  local function peak(wrap)
    local model = steps.cnn()
    local opt = optim.SGD{ model, lr = 0.1 }
    local step = wrap(steps.step(model, opt))
    local x, y = moon.randn(64, 1, 8, 8), moon.randint(0, 4, 64)
    for _ = 1, 3 do step(x, y) end
    local outside, most = count().bytes, 0
    moon.debug{ sync = true }
    for _ = 1, 3 do
      collectgarbage()
      local before = moon.stats()
      step(x, y)
      local after = moon.stats()
      most = math.max(most, after.cached_bytes + after.live_bytes,
                      before.live_bytes)
    end
    moon.debug{}
    return most - outside
  end

  it("is at most an eager step's and a little", task(function()
    moon.synchronize()
    C.moon_memory_trim(runtime.handle)
    local captured_peak = peak(moon.capture)
    moon.synchronize()
    C.moon_memory_trim(runtime.handle)
    local eager_peak = peak(plain)
    assert.is_true(captured_peak <= 1.1 * eager_peak + 2 ^ 16,
                   captured_peak .. " bytes, eager " .. eager_peak)
  end))

  it("goes with it", task(function()
    local function use()
      local step, x, y = steps.small(moon.capture)
      for _ = 1, 5 do step(x, y) end
    end
    use()
    local before = count()
    use()
    assert.same(before, count())
  end))

  it("goes when it forgets", task(function()
    local before = count()
    local step = moon.capture(function()
      return moon.tensor({ 1, 2, 3 }) + 1
    end)
    step()
    step()
    step:forget()
    assert.same(before, count())
    assert.equal(0, step:stats().kept)
  end))

  it("may be short in a replay, which waits and goes on", task(function()
    local program = steps.programs["a last batch that is smaller"]
    local function run(wrap)
      moon.manual_seed(7)
      return program(wrap)
    end
    local left = run(plain)
    local limit = moon.stats().limit_bytes
    moon.synchronize()
    collectgarbage()
    collectgarbage()
    C.moon_memory_trim(runtime.handle)
    moon.set_memory_limit(moon.stats().live_bytes + 2 ^ 20)
    local ok, got = pcall(run, moon.capture)
    moon.set_memory_limit(limit)
    if not ok then error(got, 0) end
    assert.same(left, got)
  end))
end)
