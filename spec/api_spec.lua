-- The lines of the API by example (API.md), as users type them.

local moon = require "moonseed"
local files = require "support.files"
local task = require "support.task"
local nn, optim, seed = moon.nn, moon.optim, moon.seed

describe("the API, its parts:", function()
  it("those that there are not are nil", function()
    assert.is_nil(moon.no_such_part)
    assert.is_table(moon.seed)
    assert.is_table(moon.train)
  end)
end)

describe("the API, tensors:", function()
  it("creators", task(function()
    local a = moon.tensor{ { 1, 2, 3 }, { 4, 5, 6 } }
    assert.equal("f32", a:dtype())
    assert.equal(moon.device(), a:device())
    local ids = moon.tensor({ 0, 2 }, { dtype = "i64" })
    assert.equal("i64", ids:dtype())
    assert.equal("f64", moon.randn(2, 3):to("f64"):dtype())
    assert.same({ { 0, 0 } }, moon.zeros(1, 2):totable())
    assert.same({ 1 }, moon.ones(1):totable())
    assert.same({ 0, 1, 2 }, moon.arange(3):totable())
    local uniform = moon.rand(100)
    assert.is_true(uniform:min():item() >= 0 and uniform:max():item() < 1)
  end))

  it("operators and ops as methods", task(function()
    local a = moon.tensor{ { 1, 2, 3 }, { 4, 5, 6 } }
    local b = moon.ones(2, 3):to("f64")
    local c = a:matmul(b:to("f32"):t()) * 2 + 1
    c:relu() c:exp() c:softmax(2)
    assert.same({ { 13, 13 }, { 31, 31 } }, c:totable())
    assert.matches("2x2", tostring(c))
    assert.matches("f32", tostring(c))
  end))

  it("shape, dtype, device", task(function()
    local c = moon.zeros(2, 2)
    assert.same({ 2, 2 }, c:shape())
    assert.equal(2, c:size(1))
    assert.equal("f32", c:dtype())
    assert.equal("cpu", c:device())
  end))

  it("reductions drop the dimension unless keepdim", task(function()
    local c = moon.tensor{ { 1, 2 }, { 3, 6 } }
    assert.equal(12, c:sum():item())
    assert.same({ 2, 4 }, c:mean(1):totable())
    assert.same({ { 2, 4 } }, c:mean(1, { keepdim = true }):totable())
    assert.same(12, c:sum{ 1, 2 }:item())
    local values, indices = c:max(2)
    assert.same({ 2, 6 }, values:totable())
    assert.same({ 1, 1 }, indices:totable())
    assert.equal(1, c:min():item())
    assert.same({ 1, 1 }, c:argmax(1):totable())
    assert.same({ 2, 8 }, c:var(1):totable())
    assert.near(50 ^ 0.5, c:norm():item(), 1e-5)
  end))

  it("comparisons are methods", task(function()
    assert.same({ false, true }, moon.tensor{ -1, 1 }:gt(0):totable())
  end))

  it("indexing makes views, assignment fills", task(function()
    local c = moon.tensor{ { 1, 2 }, { 3, 4 } }
    assert.same({ 1, 2 }, c[1]:totable())
    assert.equal(2, c[1][2]:item())
    c[1] = 0
    assert.same({ { 0, 0 }, { 3, 4 } }, c:totable())
  end))

  it("in place: a trailing underscore", task(function()
    local c, d = moon.zeros(2), moon.tensor{ 1, 2 }
    c:copy_(d)
    assert.same({ 1, 2 }, c:totable())
    c:fill_(0) c:add_(d)
    assert.same({ 1, 2 }, c:totable())
  end))

  it("being ready, and awaiting", task(function()
    local c = moon.randn(64, 64):matmul(moon.randn(64, 64))
    assert.is_boolean(c:is_ready())
    assert.equal(c:id(), c:await():id())
    assert.is_true(c:is_ready())
  end))

  it("views and copies", task(function()
    local c = moon.tensor{ { 1, 2 }, { 3, 4 } }
    assert.same(c:totable(), c:clone():totable())
    assert.same(c:totable(), c:detach():totable())
    assert.same({ { 1, 3 }, { 2, 4 } }, c:permute(2, 1):totable())
    assert.same({ { 1, 2 } }, c:narrow(1, 1, 1):totable())
    assert.same({ { 1, 3 }, { 2, 4 } }, c:t():contiguous():totable())
    assert.same({ 1, 3, 2, 4 }, c:t():reshape(4):totable())
    assert.same({ 1, 2, 3, 4 }, c:view(4):totable())
    assert.error_matches(function() c:t():view(4) end, "view: ")
  end))

  it("what a tensor says of itself", task(function()
    local c = moon.zeros(1)
    assert.equal(c, c:requires_grad())
    assert.is_true(c.needs_grad)
    assert.is_number(c:id())
    assert.is_true(moon.is_tensor(c))
    assert.is_false(moon.is_tensor{})
    assert.is_true(moon.allclose(c, moon.zeros(1),
      { rtol = 1e-5, atol = 1e-8 }))
  end))

  it("save and load", task(function()
    local folder, remove = files.folder()
    local path = folder .. "/weights.safetensors"
    moon.save(path, { w = moon.ones(2) })
    assert.same({ 1, 1 }, moon.load(path).w:totable())
    local other = folder .. "/weights"
    moon.save(other, { w = moon.ones(1) }, { format = "safetensors" })
    assert.same({ 1 },
      moon.load(other, { format = "safetensors" }).w:totable())
    remove()
  end))

  it("seeds, threads, limits", task(function()
    moon.manual_seed(7)
    local first = moon.randn(3):totable()
    moon.manual_seed(7)
    assert.same(first, moon.randn(3):totable())
    local threads, limit = moon.threads(), moon.stats().limit_bytes
    moon.set_threads(2)
    assert.equal(2, moon.threads())
    moon.set_threads(threads)
    moon.set_memory_limit(2 ^ 30)
    assert.equal(2 ^ 30, moon.stats().limit_bytes)
    moon.set_memory_limit(limit)
    moon.set_device("cpu")
  end))
end)

describe("the API, convolution:", function()
  it("conv2d and its gradients", task(function()
    local x = moon.randn(8, 3, 32, 32)
    local w = moon.randn(16, 3, 3, 3):requires_grad()
    local bias = moon.zeros(16):requires_grad()
    local y = moon.conv2d(x, w, bias, { stride = { 1, 2 }, padding = { 1, 0 },
                                        dilation = 1, groups = 1 })
    assert.same({ 8, 16, 32, 15 }, y:shape())
    assert.is_nil(w.grad)
    y:sum():backward()
    w.grad:await()
    assert.same(w:shape(), w.grad:shape())
    assert.equal(8 * 32 * 15, bias.grad[1]:item())
    w.grad = nil
    assert.is_nil(w.grad)
  end))

  it("no_grad and recompute", task(function()
    local w = moon.ones(2):requires_grad()
    moon.no_grad(function() assert.is_false((w * 2).needs_grad) end)
    moon.recompute(function(x) return (x * w):exp() end, moon.ones(2)):sum()
      :backward()
    assert.near(math.exp(1), w.grad[1]:item(), 1e-5)
  end))

  it("a gradient of your own", task(function()
    local swish2 = moon.op{
      name = "swish2",
      forward = function(ctx, x)
        ctx:save(x)
        return x * x
      end,
      backward = function(ctx, dy)
        local x = ctx:saved()
        return dy * x * 2
      end,
    }
    local x = moon.tensor{ 3 }:requires_grad()
    swish2(x):sum():backward()
    assert.equal(6, x.grad:item())
  end))
end)

describe("the API, tasks and streams:", function()
  it("main", function()
    assert.equal(3, moon.main(function() return 3 end))
  end)

  it("spawn, await, gather", task(function()
    local x = moon.ones(2)
    local child = moon.spawn(function() return (x * 2):sum():item() end)
    assert.equal(4, child:await())
    local p, q = moon.gather(function() return x + 1 end,
      function() return x + 2 end)
    assert.same({ { 2, 2 }, { 3, 3 } }, { p:totable(), q:totable() })
  end))

  it("sleep, yield, timeout, cancel", task(function()
    moon.sleep(1)
    moon.yield()
    assert.error_matches(function()
      moon.timeout(5, function() moon.sleep(1000) end)
    end, "timeout")
    local child = moon.spawn(function() moon.sleep(10000) end)
    child:cancel()
    assert.is_false((pcall(child.await, child)))
  end))

  it("streams and events", task(function()
    local x, w = moon.randn(1, 2, 4, 4), moon.randn(2, 2, 3, 3)
    local s, s2 = moon.streams():next(), moon.streams():next()
    local y = moon.on(s, function() return moon.conv2d(x, w) end)
    local e = s:event()
    s2:wait(e)
    e:await()
    assert.is_true(y:is_ready())
    moon.streams():lease(function(leased) assert.is_truthy(leased) end)
    s:synchronize() moon.synchronize()
    assert.is_table(moon.streams():stats())
  end))

  it("stats, grad_scope, tidy, debug", task(function()
    local stats = moon.stats()
    for _, name in ipairs{ "blocked_waits", "live_tensors", "live_bytes",
                           "ops" } do
      assert.is_number(stats[name], name)
    end
    local w = moon.ones(2):requires_grad()
    moon.grad_scope(function() (w * 2):sum():backward() end)
    assert.is_true(w.grad:is_ready())
    local kept, dropped
    local returned = moon.tidy(function()
      local x = moon.ones(2)
      kept, dropped = (x * 2):keep(), x * 3
      return x * 4
    end)
    assert.same({ 4, 4 }, returned:totable())
    assert.same({ 2, 2 }, kept:totable())
    assert.error_matches(function() dropped:totable() end, "disposed")
    kept:dispose()
    moon.debug{ sync = true, sites = true, nan = true }
    moon.debug{ sync = false, sites = false, nan = false }
  end))
end)

describe("the API, models:", function()
  local function build()
    return nn.Sequential{
      nn.Conv2d{ 1, 32, kernel = 3, padding = 1, bias = false },
      nn.BatchNorm2d{ 32 }, nn.ReLU{},
      nn.MaxPool2d{ 2 },
      nn.Conv2d{ 32, 64, kernel = 3, padding = 1 }, nn.ReLU{},
      nn.GlobalAvgPool2d{}, nn.Linear{ 64, 10 },
    }
  end

  it("parameters and state", task(function()
    local model = build()
    model:to("cpu") model:train() model:eval()
    local names = {}
    for name, p in model:parameters() do
      assert.is_true(p.needs_grad)
      names[#names + 1] = name
    end
    assert.equal(7, #names)
    local other = build()
    other:load_state(model:state())
    local x = moon.randn(2, 1, 8, 8)
    other:eval()
    assert.same(model(x):totable(), other(x):totable())
  end))

  it("data, a step, an optimiser", task(function()
    local model = build()
    local opt = optim.SGD{ model, lr = 0.1, momentum = 0.9, nesterov = true,
                           weight_decay = 5e-4 }
    opt.lr = 0.05
    local test = moon.data.fashion_mnist{ "test" }
    assert.equal(10000, #test)
    local train, valid = test:split{ 200, rng_seed = 1 }
    assert.same({ 9800, 200 }, { #train, #valid })
    local losses = {}
    for x, y in valid:batches{ 128, shuffle = true, flip = true, crop = 2 } do
      local loss = nn.cross_entropy(model(x), y)
      opt:zero_grad()
      loss:backward()
      opt:step()
      losses[#losses + 1] = loss
    end
    assert.equal(2, #losses)
    assert.is_true(losses[1]:item() > 0)
    local pair = moon.data.tensors{ moon.zeros(4, 3),
                                    moon.zeros(4, { dtype = "i64" }) }
    assert.equal(4, #pair)
  end))

  it("an unknown option lists the known ones", task(function()
    assert.error_matches(function() nn.Conv2d{ 1, 2, kernal = 3 } end,
      "kernal.*kernel")
  end))
end)

describe("the API, growth:", function()
  local function model_of()
    return nn.Sequential{
      nn.Conv2d{ 1, 8, kernel = 3, padding = 1, bias = false },
      nn.BatchNorm2d{ 8 }, nn.ReLU{},
      seed.Slot{ "early" },
      nn.MaxPool2d{ 2 },
      nn.Conv2d{ 8, 16, kernel = 3, padding = 1 }, nn.ReLU{},
      seed.Slot{ "late" },
      nn.GlobalAvgPool2d{}, nn.Linear{ 16, 10 },
    }
  end

  it("a garden, its slots, a seed by hand", task(function()
    local model = model_of()
    local garden = seed.Garden{ model, policy = "scripts/policies/plateau.lua",
                                governor = true }
    local slots = garden:slots()
    assert.equal(slots.early, garden:slot "early")
    assert.equal(slots.late, garden:slot "late")
    local slot = garden:slot("early")
    assert.equal("DORMANT", slot:stage())
    slot:germinate("conv_light")
    assert.equal("GERMINATED", slot:stage())
    assert.is_false(pcall(slot.germinate, slot, "conv_light"))
    assert.equal(0, slot:alpha())
    model(moon.randn(4, 1, 28, 28))
    slot:advance()
    assert.equal("TRAINING", slot:stage())
    slot:prune("why")
    assert.equal("PRUNED", slot:stage())
    assert.equal("why", slot:history()[3].why)
    assert.is_false(pcall(slot.fossilize, slot))
    garden:close()
  end))

  it("a blueprint, a tournament, a search", task(function()
    local model = model_of()
    local all = moon.data.fashion_mnist{ "train" }
    local train, valid = all:narrow(1, 600):split{ 100, rng_seed = 1 }
    local garden = seed.Garden{ model, train = train, valid = valid }
    seed.blueprint("my_block", { build = function(shape)
      assert.equal(4, #shape)
      local module = nn.Module:extend("MyBlock"){}
      function module.forward(_, x) return x * 1 end
      return module
    end })
    local slot = garden:slot("early")
    slot:germinate("my_block")
    assert.equal("my_block", slot:seed().blueprint)
    local ranks = seed.tournament{ garden:slot "late",
                                   { "norm", "depthwise", "conv_light" },
                                   batches = 3 }
    assert.equal(3, #ranks)
    local search = seed.explore{ model, { "norm", "conv_small" },
                                 budget = { batches = 4 } }
    assert.is_true(#search:await() >= 2)
    garden:close()
  end))
end)

describe("the API, training:", function()
  it("a run in the background, and its continuation", task(function()
    local folder, remove = files.folder()
    local all = moon.data.fashion_mnist{ "train" }:narrow(1, 700)
    local train, valid = all:split{ 60, rng_seed = 1 }
    local model = nn.Sequential{
      nn.Conv2d{ 1, 4, kernel = 3 }, nn.ReLU{}, seed.Slot{ "early" },
      nn.GlobalAvgPool2d{}, nn.Linear{ 4, 10 } }
    local opt = optim.SGD{ model, lr = 0.05, momentum = 0.9 }
    local garden = seed.Garden{ model }
    local run = moon.train.fit{ model, optim = opt, train = train,
                                valid = valid, epochs = 2, garden = garden,
                                out = folder .. "/first", quiet = true }
    run:pause() run:resume()
    run:checkpoint()
    run:await()
    assert.equal(10, run.metrics.step)
    garden:close()
    local again = moon.train.resume(folder .. "/first")
    again:await()
    again.garden:close()
    assert.equal(10, again.metrics.step)
    os.execute("rm -r " .. folder .. "/first")
    remove()
  end))
end)
