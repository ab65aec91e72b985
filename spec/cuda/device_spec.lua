-- A GPU as a device: copies, order, errors, memory.
local gpu = require "support.gpu"
local moon = require "moonseed"
local nn = moon.nn
local uv = require "luv"
local it = gpu.it

local dtypes = { "f32", "f64", "i64", "i32", "u8", "bool", "bf16", "f16" }

gpu.describe("a GPU", function()
  it("takes and gives back every dtype", function()
    for _, dtype in ipairs(dtypes) do
      local x = moon.tensor({ { 1, 0, 1 }, { 0, 1, 0 } }, { dtype = dtype })
      assert.equal("cuda:0", x:device())
      local y = x:to("cpu")
      assert.equal("cpu", y:device())
      assert.equal(dtype, y:dtype())
      assert.same({ { 1, 0, 1 }, { 0, 1, 0 } },
                  y:to("f32"):totable())
      assert.same({ 1, 0, 1, 0, 1, 0 },
                  x:to("f32"):reshape(6):totable())
    end
  end)

  it("takes what lies in any order", function()
    local host = moon.arange(24, { device = "cpu" }):reshape(2, 3, 2, 2)
    local nhwc = host:permute(1, 3, 4, 2):contiguous():permute(1, 4, 2, 3)
    for _, x in ipairs{ host, nhwc, host:permute(4, 3, 2, 1),
                        host:narrow(2, 2, 1), host[2] } do
      assert.same(x:totable(), x:to("cuda:0"):totable())
      assert.same(x:totable(), x:to("cuda:0"):to("cpu"):totable())
    end
  end)

  it("takes empty tensors and single elements", function()
    assert.same({ 0, 3 }, moon.zeros(0, 3):to("cpu"):shape())
    assert.equal(7, moon.full({}, 7):item())
  end)

  it("copies from another GPU, and into tensors of other devices", function()
    local here = moon.tensor{ 1, 2, 3 }
    local two, there = pcall(here.to, here, "cuda:1")
    if not two then return pending "there is one GPU" end
    assert.equal("cuda:1", there:device())
    assert.same({ 1, 2, 3 }, there:totable())
    local host = moon.zeros({ 3 }, { device = "cpu" })
    host:copy_(there)
    assert.same({ 1, 2, 3 }, host:totable())
    here:copy_(moon.full({ 1 }, 5, { device = "cpu", dtype = "f64" }))
    assert.same({ 5, 5, 5 }, here:totable())
  end)

  it("meets no tensor of another device but in a copy", function()
    local here, host = moon.zeros(2, 3), moon.zeros(2, 3, { device = "cpu" })
    local function refuses(text, fn, ...)
      local ok, why = pcall(fn, ...)
      assert.is_false(ok, text)
      assert.truthy(why:find(text, 1, true), why)
    end
    refuses("add: tensors on cuda:0 and cpu", moon.add, here, host)
    refuses("cat: tensors on cuda:0 and cpu", moon.cat, { here, host }, 2)
    refuses("stack: tensors on cpu and cuda:0", moon.stack, { host, here }, 3)
    local p = moon.ones(2, 3):requires_grad()
    refuses("backward: tensors on cuda:0 and cpu", p.backward, p * 2, host)
    refuses("grad: tensors on cuda:0 and cpu", function() p.grad = host end)
    assert.is_nil(p.grad)
  end)

  it("orders what meets in memory, on any stream", function()
    local streams, n = moon.streams(), 40
    local x = moon.zeros(257)
    local copies = {}
    for i = 1, n do
      moon.on(streams:next(), function() x:fill_(i) end)
      copies[i] = moon.on(streams:next(), function() return x:clone() end)
    end
    for i = 1, n do
      local list = copies[i]:totable()
      assert.equal(i, list[1])
      assert.equal(i, list[257])
    end
  end)

  it("is never busier on a stream than the time that passes", function()
    local s = moon.streams():next()
    local function busy_ns()
      for _, row in ipairs(moon.streams():stats()) do
        if row.stream == s.number then return row.busy_ns end
      end
    end
    moon.synchronize()
    local before, start = busy_ns(), uv.hrtime()
    local w = moon.full({ 128, 128 }, 1 / 128)
    moon.on(s, function()
      local y = w
      for _ = 1, 40 do y = y:matmul(w) end
      y:await()
    end)
    local passed = tonumber(uv.hrtime() - start)
    local after = math.huge
    for _, op in ipairs(moon.streams():recent(40)) do  -- newest first
      if op.stream == s.number then
        assert.is_true(op.end_ns <= after)
        after = op.start_ns
      end
    end
    assert.is_true(busy_ns() - before <= passed)
  end)

  it("gives memory out again in order", function()
    local streams = moon.streams()
    for i = 1, 60 do
      local a = moon.on(streams:next(), function()
        return moon.full({ 1000 }, i)
      end)
      local b = moon.on(streams:next(), function() return a:clone() end)
      a:dispose()
      moon.on(streams:next(), function() return moon.full({ 1000 }, -i) end)
      assert.equal(i, b[1000]:item())
    end
  end)

  it("copies there and back in order", function()
    for i = 1, 60 do
      local back = moon.full({ 1000 }, i):to("cpu"):to("cuda:0")
      assert.equal(i, back[1000]:item())
    end
  end)

  it("copies large tensors as they were when it was asked", function()
    for i = 1, 10 do
      local host = moon.full({ 100000 }, i, { device = "cpu" })
      local y = host:to("cuda:0") * 2
      host:fill_(0)
      assert.equal(2 * i, y[100000]:item())
    end
  end)

  it("holds little of the host's memory for large copies", function()
    local n = 12e6  -- 48 MB
    for i = 1, 3 do
      local host = moon.full({ n }, i, { device = "cpu" })
      host:narrow(1, n / 2, 1):fill_(-i)
      local there = host:to("cuda:0")
      host:fill_(0)
      local back = (there * 2):to("cpu")
      assert.equal(-2 * i, back[n / 2]:item())
      assert.equal(4 * i, (back - 2 * i):abs():sum():item())
    end
    local pinned = moon.stats().pinned_bytes
    assert.is_true(pinned <= 2 ^ 26 + 2 ^ 23, pinned)
  end)

  it("has more large copies under way than fit there", function()
    local streams, n, all = moon.streams(), 1.5e6, {}  -- 6 MB
    for i = 1, 24 do
      all[i] = moon.on(streams:next(), function()
        local host = moon.full({ n }, i, { device = "cpu" })
        return (host:to("cuda:0") + 1):to("cpu"):to("cuda:0") * 2
      end)
    end
    for i = 1, 24 do
      assert.equal(2 * (i + 1), all[i][1]:item())
      assert.equal(2 * (i + 1), all[i][n]:item())
    end
  end)

  it("orders what comes after an op that fails", function()
    local streams = moon.streams()
    for i = 1, 20 do
      local bad = moon.full({ 3 }, 1):index_select(
        1, moon.tensor({ 7 }, { dtype = "i64" }))
      local x = moon.on(streams:next(), function()
        return moon.full({ 257, 257 }, i):matmul(moon.full({ 257, 1 }, 1))
      end)
      local after = moon.on(streams:next(), function()
        local _ = bad + x  -- does not run, but comes after both
        return x * 2
      end)
      assert.equal(514 * i, after[257]:item())
      pcall(bad.await, bad)
    end
  end)

  it("orders work with the host's", function()
    local x = moon.full({ 1000 }, 2)
    for i = 1, 10 do
      local host = x:to("cpu") + i       -- waits for the copy, on a worker
      x:copy_(host:to("cuda:0"))         -- and the GPU for the worker
    end
    assert.equal(57, x[1000]:item())
  end)

  it("does not block the loop", function()
    local before = moon.stats().blocked_waits
    local ticks, timer = 0, uv.new_timer()
    timer:start(1, 1, function() ticks = ticks + 1 end)
    local w, rounds = moon.full({ 128, 128 }, 1 / 128), 0
    repeat  -- a real GPU may need less than a tick for one
      local y = w
      for _ = 1, 40 do y = y:matmul(w) end
      assert.near(1 / 128, y[1][1]:item(), 1e-6)
      rounds = rounds + 1
    until ticks > 3 or rounds == 1000
    timer:stop()
    timer:close()
    assert.is_true(ticks > 3, ticks .. " ticks")
    assert.equal(before, moon.stats().blocked_waits)
  end)

  it("runs out of memory with an error, and goes on", function()
    local ok, why = pcall(moon.zeros, 2 ^ 40)
    assert.is_false(ok)
    assert.matches("zeros: memory: %d+ bytes asked for on the GPU", why)
    assert.equal(3, moon.full({ 4 }, 3)[4]:item())
  end)

  it("gives scratch the memory that tensors keep for reuse", function()
    local before = moon.stats()
    for _ = 1, 4 do moon.zeros(2 ^ 20):dispose() end
    moon.synchronize()
    local x = moon.zeros(300000, 4)
    local y = moon.zeros({ 300000 }, { dtype = "i64" })
    moon.synchronize()
    local now = moon.stats()
    assert.is_true(now.cached_bytes >= before.cached_bytes)
    local limit = tonumber(now.live_bytes + now.cached_bytes)
    moon.set_memory_limit(limit, "cuda:0")
    local ok, loss = pcall(function()
      return nn.cross_entropy(x, y):item()
    end)
    moon.set_memory_limit(2 ^ 30, "cuda:0")
    assert.is_true(ok, loss)
    assert.near(math.log(4), loss, 1e-4)
  end)

  it("holds no more memory after many steps", function()
    local function round()
      for _ = 1, 200 do moon.zeros(100, 100):fill_(1) end
      moon.synchronize()
      collectgarbage()
    end
    round()
    local x = moon.stats().live_tensors
    for _ = 1, 10 do round() end
    assert.is_true(moon.stats().live_tensors <= x)
  end)

  it("finds what is not finite, in debug", function()
    moon.debug{ nan = true }
    local function finds(name, element, fn)
      local ok, why = pcall(function() fn():await() end)
      assert.is_false(ok, name)
      assert.matches(name .. ": gave %-?[%a]+ at element " .. element, why)
    end
    local ok, why = pcall(function()
      local x = moon.ones(3, 4)
      finds("fill_", 0, function()    -- a view's first
        x:narrow(2, 3, 2):fill_(1 / 0)
        moon.synchronize()
        return x
      end)
      local bits = moon.tensor{ { 1, 2 }, { 3, -4 }, { 5, 6 } }
      finds("log", 4, function() return bits:t():log() end)
      for _, dtype in ipairs{ "bf16", "f16" } do
        finds("log", 3, function() return bits:to(dtype):log() end)
      end
      local net = nn.Sequential{ nn.Linear{ 2, 2 }, nn.Linear{ 2, 2 },
                                 nn.Linear{ 2, 2 } }
      for _, p in net:parameters() do
        p.grad = moon.full(p:shape(), 3e38)
      end
      finds("sgd", 0, function()      -- one op with many operands
        moon.optim.SGD{ net, lr = 1e5 }:step()
        moon.synchronize()
      end)
      assert.equal(6, (bits + 1)[3][1]:item())
    end)
    moon.debug{ nan = false }
    if not ok then error(why, 0) end
  end)

  it("saves and loads", function()
    local path = os.tmpname() .. ".safetensors"
    moon.save(path, { w = moon.tensor{ 1, 2, 3 } })
    local w = moon.load(path).w
    os.remove(path)
    assert.equal("cuda:0", w:device())
    assert.same({ 1, 2, 3 }, w:totable())
  end)

  it("has streams of its own, with what they did", function()
    moon.full({ 10 }, 1):to("cpu"):await()
    local found = false
    for _, s in ipairs(moon.streams():stats()) do
      found = found or s.ops > 0
    end
    assert.is_true(found)
  end)
end)

gpu.describe("a bad index on a GPU", function()
  local optim = moon.optim

  it("changes no bit, and is named", function()
    local model = nn.Sequential{ nn.Linear{ 4, 3 } }
    local opt = optim.SGD{ model, lr = 0.1, momentum = 0.9 }
    local x = moon.full({ 2, 4 }, 0.5)
    local function step(labels)
      opt:zero_grad()
      local y = moon.tensor(labels, { dtype = "i64" })
      local loss = nn.cross_entropy(model(x), y)
      loss:backward()
      opt:step()
      return loss
    end
    step{ 0, 1 }:await()
    local before = {}
    for name, p in model:parameters() do before[name] = p:totable() end
    local ok, why = pcall(function() return step{ 0, 9 }:item() end)
    assert.is_false(ok)
    assert.matches("label 9 at position 2 is outside [0, 3)", why, 1, true)
    pcall(moon.synchronize)
    for name, p in model:parameters() do
      assert.same(before[name], p:detach():totable())
    end
    step{ 2, 1 }:await()
  end)

  it("does not hold up other streams", function()
    local i = moon.tensor({ 0, 7 }, { dtype = "i64" })
    local x = moon.full({ 3, 2 }, 1)
    local bad = x:index_select(1, i)
    assert.equal(1, moon.full({ 2 }, 1)[1]:item())
    local ok, why = pcall(bad.await, bad)
    assert.is_false(ok)
    assert.matches("index 7 at position 2 is outside [0, 3)", why, 1, true)
  end)
end)
