-- Errors: what users see, where, and what stays as it was.
local task = require "support.task"
local moon = require "moonseed"
local nn, optim = moon.nn, moon.optim

local function fails(pattern, fn, ...)
  local ok, why = pcall(fn, ...)
  assert.is_false(ok, "no error")
  assert.matches(pattern, tostring(why))
end

describe("an error of a call", function()
  it("begins with the user's line", function()
    local at = "^[./]*spec/error_spec.lua:"
    local line = debug.getinfo(1, "l").currentline
    fails(at .. line + 2 .. ": zeros: extent 1", function()
      moon.zeros(-1)
    end)
    local x = moon.ones(2)
    fails(at .. line + 6 .. ": add: ", function()
      return x + moon.ones(3)
    end)
  end)

  it("names the op, the fact and the numbers", function()
    local x, w = moon.ones(8, 16, 9, 9), moon.ones(64, 3, 3, 3)
    fails("conv2d: .*16.*8x16x9x9.*64x3x3x3", moon.conv2d, x, w)
    fails("matmul: .*2x3", moon.matmul, moon.ones(2, 3), moon.ones(2, 3))
    fails("relu: x is a tensor, not table", moon.relu, {})
    fails("conv2d: w is a tensor, not nothing", moon.conv2d, x)
  end)

  it("names the op that the user called, whichever of the core's it is",
     function()
    fails("_spec.lua:%d+: zeros: shape 1125899906842624", moon.zeros, 2 ^ 50)
    fails("empty: shape 1125899906842624", moon.empty, 2 ^ 50)
    fails("rand: i64; take f32 or f64", moon.rand, 2, { dtype = "i64" })
    fails("randint: whole numbers between 3 and 1", moon.randint, 3, 1, 2)
    local bytes = moon.zeros(2, { dtype = "u8" })
    fails("sub: 0.5 is no u8", bytes.sub, bytes, 0.5)
  end)

  it("says how far numbers may go", function()
    fails("conv2d: stride 2147483648x1; 1 to 2147483647 needed", moon.conv2d,
          moon.ones(1, 1, 4, 4), moon.ones(1, 1, 2, 2), nil,
          { stride = { 2 ^ 31, 1 } })
    fails("zeros: extent 1 is at most 2%^53, not 1e%+20", moon.zeros, 1e20)
  end)

  it("lists the options that there are", function()
    local x, w = moon.ones(1, 1, 4, 4), moon.ones(1, 1, 2, 2)
    fails("conv2d: no option 'strides' %(known: dilation, epilogue, groups, "
          .. "padding, stride%)", moon.conv2d, x, w, nil, { strides = 1 })
    fails("conv2d: stride is a number or { height, width }", moon.conv2d, x,
          w, nil, { stride = { 1, 2, 3 } })
    fails("conv2d: padding is a whole number of at least 0, not 0.5",
          moon.conv2d, x, w, nil, { padding = { 0, 0.5 } })
    fails("conv2d: no epilogue 'gelu' %(none, relu%)", moon.conv2d, x, w, nil,
          { epilogue = "gelu" })
    fails("max_pool2d: kernel is missing", moon.max_pool2d, x, {})
    fails("dropout: p is a number, not string", moon.dropout, x, "half")
    fails("timeout: the time is a number", moon.timeout, "5", print)
    fails("debug: sync is true or false, not number", moon.debug,
          { sync = 1 })
  end)

  it("leaves what is there as it was", task(function()
    local x = moon.arange(4)
    fails("copy_: shapes 4 and 3", x.copy_, x, moon.ones(3))
    fails("add_", x.add_, x, moon.ones(4, { dtype = "f64" }))
    fails("no i64", moon.tensor, { 0.5 }, { dtype = "i64" })
    assert.same({ 0, 1, 2, 3 }, x:totable())
  end))
end)

-- A model, its optimiser, and a step with the given labels.
local function training()
  moon.manual_seed(2)
  local model = nn.Sequential{ nn.Linear{ 4, 8 }, nn.ReLU{},
                               nn.Linear{ 8, 3 } }
  local opt = optim.SGD{ model, lr = 0.1, momentum = 0.9 }
  local x = moon.randn(6, 4)
  local function step(labels)
    local loss = nn.cross_entropy(model(x), moon.tensor(labels,
                                                        { dtype = "i64" }))
    opt:zero_grad()
    loss:backward()
    opt:step()
    return loss
  end
  local function state()
    local all = {}
    for name, t in pairs(model:state()) do all[name] = t:totable() end
    for name, t in pairs(opt:state()) do all["opt " .. name] = t:totable() end
    return all
  end
  return step, state
end

describe("a label out of range", function()
  local good, bad = { 0, 1, 2, 0, 1, 2 }, { 0, 1, 3, 0, 1, 2 }

  it("raises at that step's await, and changes nothing", task(function()
    local step, state = training()
    step(good):await()
    local before = state()
    local loss = step(bad)
    fails("cross_entropy: label 3 .*%[0, 3%)", loss.item, loss)
    moon.synchronize()
    assert.same(before, state())
  end))

  it("raises at the next await if nobody reads the loss", task(function()
    local step, state = training()
    step(good)
    local before = state()
    step(bad)
    fails("cross_entropy: label 3", moon.synchronize)
    assert.same(before, state())
    moon.synchronize()
  end))

  it("is no obstacle to the steps that follow", task(function()
    local function run(with)
      local step, state = training()
      step(good)
      if with then
        local loss = step(bad)
        pcall(loss.item, loss)
        moon.synchronize()
      end
      step(good)
      return state()
    end
    assert.same(run(false), run(true))
  end))

  it("raises at the end of moon.main at the latest", function()
    fails("cross_entropy: label 3", moon.main, function()
      local step = training()
      step(bad)
    end)
  end)
end)

describe("memory that runs out", function()
  it("raises in that step, and training can go on", task(function()
    local step, state = training()
    local good = { 0, 1, 2, 0, 1, 2 }
    step(good):await()
    local before, limit = state(), moon.stats().limit_bytes
    collectgarbage()
    collectgarbage()
    moon.set_memory_limit(math.max(moon.stats().live_bytes, 1) + 1000)
    fails("zeros: memory: 4000000 bytes asked for", moon.zeros, 1e6)
    moon.set_memory_limit(limit)
    assert.same(before, state())
    assert.is_true(step(good):item() > 0)
  end))

  -- The limit falls step by step, so it is met in forward and in backward.
  it("names the op, changes no bit, and the next step is as without",
     task(function()
    local limit = moon.stats().limit_bytes
    local x = moon.randn(8, 16, 32, 32)
    local y = moon.randint(0, 3, 8)
    local function trained(disturb)
      moon.manual_seed(3)
      local model = moon.nn.Sequential{
        moon.nn.Conv2d{ 16, 16, kernel = 3, padding = 1 }, moon.nn.ReLU{},
        moon.nn.Conv2d{ 16, 16, kernel = 3, padding = 1 },
        moon.nn.GlobalAvgPool2d{}, moon.nn.Linear{ 16, 3 } }
      local opt = moon.optim.SGD{ model, lr = 0.1, momentum = 0.9 }
      local function step()
        local loss = moon.cross_entropy(model(x), y)
        opt:zero_grad()
        loss:backward()
        opt:step()
      end
      local function bits()
        local list = {}
        for _, p in model:parameters() do list[#list + 1] = p:totable() end
        return list
      end
      step()
      moon.synchronize()
      if disturb then disturb(step, bits) else step() end
      return bits()
    end
    local seen = {}
    local disturbed = trained(function(step, bits)
      local before = bits()
      for room = 0, 6e6, 2e5 do
        collectgarbage()
        collectgarbage()
        moon.set_memory_limit(moon.stats().live_bytes + room)
        local ok, why = pcall(function()
          step()
          moon.synchronize()
        end)
        moon.set_memory_limit(limit)
        if ok then return end
        seen[#seen + 1] = why:match ": ([%w ]+): memory: %d+ bytes" or why
        assert.same(before, bits())
      end
    end)
    moon.set_memory_limit(limit)
    local text = table.concat(seen, ", ")
    assert.matches("conv2d,", text)
    assert.matches("conv2d backward", text)
    assert.same(trained(), disturbed)
  end))
end)

describe("an op that fails", function()
  local function failing()
    return moon.cross_entropy(moon.zeros(1, 3),
                              moon.tensor({ 7 }, { dtype = "i64" }))
  end

  it("raises at the await of what depends on it; siblings finish",
     task(function()
    local broken = failing()
    local sibling = moon.ones(3) * 2
    local child = broken * 2 + sibling:sum()
    fails("cross_entropy: label 7", child.item, child)
    fails("cross_entropy: label 7", broken.await, broken)
    assert.same({ 2, 2, 2 }, sibling:totable())
  end))

  it("leaves the target of an op in place valid", task(function()
    local t = moon.ones(2)
    t:add_(failing())
    fails("cross_entropy: label 7", moon.synchronize)
    assert.same({ 1, 1 }, t:totable())
  end))

  it("in a task is the task's error", task(function()
    local child = moon.spawn(function()
      moon.ones(2):add_(failing())
      moon.sleep(5)
    end)
    fails("cross_entropy: label 7", child.await, child)
  end))

  it("names the submitting line with moon.debug{ sites }", task(function()
    moon.debug{ sites = true }
    local broken = failing()
    moon.debug()
    fails("cross_entropy: label 7.*submitted at .*error_spec.lua:%d+",
          broken.item, broken)
    broken = failing()
    local _, why = pcall(broken.item, broken)
    assert.not_matches("submitted at", why)
  end))

  it("is found where NaN first came up with moon.debug{ nan }",
     task(function()
    moon.debug{ nan = true }
    local y = (moon.tensor{ -1 }:log() + 1) * 2
    fails("log: ", y.item, y)
    moon.debug()
    assert.is_true(moon.tensor{ -1 }:log():ne(0):item())
  end))
end)
