-- Memory: it stays flat over ten thousand steps, values that are kept stay
-- valid, and inputs may go as soon as an op is submitted.

local moon = require "moonseed"
local bits = require "support.bits"
local task = require "support.task"
local nn, optim = moon.nn, moon.optim

local STEPS, EARLY = 10000, 1000

-- Blocks that 9,000 steps may take more than the first 1,000: how many are held
-- at a time is how far the device has ever been behind, which is chance on a
-- busy machine. One lost in a hundred steps would be more.
local AHEAD = 90

-- Resident memory of the process, bytes.
local function resident()
  local file = assert(io.open "/proc/self/statm")
  local pages = file:read "*n" and file:read "*n"
  file:close()
  return pages * 4096
end

-- Counts when nothing is in flight and all garbage is gone.
local function count()
  moon.synchronize()
  jit.flush()  -- traces hold the constants they were compiled with
  collectgarbage()
  collectgarbage()
  local stats = moon.stats()
  stats.resident = resident()
  return stats
end

local function network()
  return nn.Sequential{
    nn.Conv2d{ 1, 4, kernel = 3, padding = 1 }, nn.BatchNorm2d{ 4 },
    nn.ReLU{}, nn.MaxPool2d{ 2 }, nn.Dropout{ 0.1 }, nn.GlobalAvgPool2d{},
    nn.Linear{ 4, 3 },
  }
end

-- Runs step() ten thousand times; what is counted early and at the end.
local function run(step)
  local early
  for i = 1, STEPS do
    step(i)
    if i == EARLY then early = count() end
  end
  return early, count()
end

local function assert_bounded(early, late)
  assert.equal(early.live_tensors, late.live_tensors)
  assert.equal(early.live_nodes, late.live_nodes)
  assert.equal(early.live_bytes, late.live_bytes)
  local grown = (late.resident - early.resident) / 2 ^ 20
  assert.is_true(grown < 8, ("%.1f MB more resident"):format(grown))
end

local function assert_flat(early, late)
  assert_bounded(early, late)
  local more = late.system_allocs - early.system_allocs
  assert.is_true(more < AHEAD, more .. " more blocks from the system")
end

-- Bytes of this process's memory that huge pages are asked for.
local function huge_bytes()
  local sum, size = 0, 0
  for line in io.lines "/proc/self/smaps" do
    size = tonumber(line:match "^Size:%s+(%d+) kB") or size
    if line:match "^VmFlags:.* hg" then sum = sum + size * 1024 end
  end
  return sum
end

local function has_huge_pages()
  local file = io.open "/sys/kernel/mm/transparent_hugepage/enabled"
  if file then file:close() end
  return file ~= nil
end

describe("a large block", function()
  it("asks for huge pages", task(function()
    if not has_huge_pages() then return end
    local before = huge_bytes()
    local x = moon.zeros(2 ^ 24):await()  -- more than is ever cached here
    assert.is_true(huge_bytes() - before >= 2 ^ 26 - 2 ^ 21)
    x:dispose()
  end))
end)

describe("memory stays flat", function()
  it("over 10,000 training steps", task(function()
    local model = network()
    local opt = optim.SGD{ model, lr = 0.01, momentum = 0.9 }
    local before = moon.stats().blocked_waits
    assert_flat(run(function()
      local x, y = moon.randn(4, 1, 8, 8), moon.randint(0, 3, 4)
      local loss = nn.cross_entropy(model(x), y)
      opt:zero_grad()
      loss:backward()
      opt:step()
    end))
    assert.equal(before, moon.stats().blocked_waits)
  end))

  it("over 10,000 forwards without a backward", task(function()
    local model = network()
    assert_flat(run(function(i)
      local y = model(moon.randn(4, 1, 8, 8))
      if i % 5 == 0 then y:sum():item() end  -- behind by less than AHEAD
    end))
  end))

  it("over 10,000 forwards that nobody ever reads", task(function()
    local model, x = network():eval(), moon.randn(4, 1, 8, 8)
    assert_bounded(run(function() model(x) end))
  end))

  it("over 200 forwards of 100 MB each that nobody reads", task(function()
    local model, most = nn.Sequential{ nn.ReLU{}, nn.ReLU{} }, 0
    local x = moon.zeros(50, 1000, 256)
    for _ = 1, 200 do
      model(x)
      most = math.max(most, moon.stats().live_bytes)
    end
    assert.is_true(most < 600e6, ("%.0f MB live"):format(most / 1e6))
  end))

  it("and the ops in flight too, when nobody reads", task(function()
    local model, most = nn.Linear{ 256, 256 }, 0
    local x = moon.zeros(256, 256)
    for _ = 1, 2000 do
      model(x)
      most = math.max(most, moon.stats().in_flight)
    end
    assert.is_true(most <= 1100, ("%d ops in flight"):format(most))
  end))
end)

describe("what is kept across iterations", function()
  it("stays valid: losses in a table, an average, a hidden state",
     task(function()
    local model = nn.Linear{ 6, 6 }
    local losses, expected = {}, {}
    local average, hidden = moon.zeros{}, moon.zeros(2, 6)
    for i = 1, 300 do
      local fresh = model(hidden:detach() * 0.5 + moon.randn(2, 6))
      hidden = fresh:exp() / (fresh:exp() + 1)
      local loss = (hidden * hidden):mean()
      loss:backward()
      losses[i] = loss
      average = average * 0.9 + loss:detach() * 0.1
      if i % 50 == 0 then expected[i] = loss:item() end
    end
    collectgarbage()
    local again = 0
    for i = 1, 300 do again = again * 0.9 + losses[i]:item() * 0.1 end
    for i, value in pairs(expected) do assert.equal(value, losses[i]:item()) end
    assert.near(again, average:item(), 1e-5)
    assert.same({ 2, 6 }, hidden:shape())
  end))
end)

describe("dropping every reference right after submit", function()
  -- Doubles many tensors, each a function of its number, dropping inputs at
  -- once and filling memory of their size with something else.
  local function doubled(n, drop)
    local list = {}
    for i = 1, n do
      local x = moon.full({ 3000 }, i)
      local stream = i % 2 == 0 and moon.streams():next() or moon.stream()
      list[i] = moon.on(stream, function() return x:exp() * 0 + x * 2 end)
      drop(x)
      moon.on(moon.streams():next(), function()
        drop(moon.full({ 3000 }, -1e9))
      end)
    end
    return list
  end

  local function assert_doubled(list)
    for i, t in ipairs(list) do
      assert.equal(bits.of(moon.full({ 3000 }, 2 * i)), bits.of(t))
    end
  end

  it("and collecting changes nothing", task(function()
    assert_doubled(doubled(60, function() collectgarbage() end))
  end))

  it("by dispose changes nothing", task(function()
    assert_doubled(doubled(60, function(x) x:dispose() end))
  end))

  it("is the same on sim with random delays", task(function()
    local simulated = bits.simulated(5, 0.5)
    bits.run(simulated, function()
      assert_doubled(doubled(60, function(x) x:dispose() end))
    end)
    assert.equal(0, (require("moonseed.sim").races()))
  end))
end)

it("nothing is live once a process that trained has closed", function()
  local script = [[
    local moon = require "moonseed"
    local C = require("moonseed.ffi").C
    local runtime = require "moonseed.runtime"
    local stats = require("ffi").new "moon_stats"
    moon.main(function()
      local model = moon.nn.Linear{ 4, 2 }
      local opt = moon.optim.SGD{ model, lr = 0.1, momentum = 0.9 }
      for _ = 1, 20 do
        model(moon.randn(3, 4)):sum():backward()
        opt:step()
        opt:zero_grad()
      end
    end)
    moon = nil
    runtime.at_close(function()
      C.moon_stats_read(runtime.handle, stats)
      io.write(("live %d %d %d\n"):format(tonumber(stats.live_tensors),
        tonumber(stats.live_nodes), tonumber(stats.in_flight)))
    end)
  ]]
  local path = os.tmpname()
  local file = assert(io.open(path, "w"))
  file:write(script)
  file:close()
  local pipe = assert(io.popen(
    ("LUA_PATH='%s' LUA_CPATH='%s' luajit %s 2>&1"):format(package.path,
      package.cpath, path)))
  local printed = pipe:read "*a"
  pipe:close()
  os.remove(path)
  assert.equal("live 0 0 0\n", printed)
end)
