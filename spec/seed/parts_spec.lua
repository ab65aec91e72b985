-- Ready-made parts: a model, an optimiser, random numbers, plain tables.
local bits = require "support.bits"
local task = require "support.task"
local moon = require "moonseed"
local parts = require "moonseed.seed.parts"
local transaction = require "moonseed.seed.transaction"
local nn, optim = moon.nn, moon.optim

local function fails(text, fn, ...)
  local ok, why = pcall(fn, ...)
  assert.is_false(ok, "no error")
  assert.matches(text, tostring(why), 1, true)
end

local function new_model()
  return nn.Sequential{ nn.Conv2d{ 1, 4, kernel = 3 }, nn.BatchNorm2d{ 4 },
                        nn.ReLU{}, nn.GlobalAvgPool2d{}, nn.Linear{ 4, 3 } }
end

local function hex(byte) return ("%02x"):format(byte:byte()) end

-- The bytes of all tensors of a table, by name.
local function bytes(tensors)
  local list = {}
  for name, t in pairs(tensors) do
    list[name] = bits.of(t):gsub(".", hex)
  end
  return list
end

local function train(model, opt, n)
  for _ = 1, n do
    local loss = nn.cross_entropy(model(moon.randn(8, 1, 6, 6)),
                                  moon.zeros(8, { dtype = "i64" }))
    opt:zero_grad()
    loss:backward()
    opt:step()
  end
end

local function names_of(tensors)
  local names = {}
  for name in pairs(tensors) do names[name] = true end
  return names
end

local function fill(module, value)
  moon.no_grad(function()
    for _, t in pairs(module:state()) do t:fill_(value) end
  end)
end

local function poison(module) fill(module, 0 / 0) end

local function new_run(description)
  local model = new_model()
  local opt = optim.rebuild(description or { "SGD", lr = 0.1, momentum = 0.9 },
                            model)
  train(model, opt, 3)
  return model, opt
end

describe("the part of a module", function()
  it("brings parameters and buffers back in every bit", task(function()
    local model, opt = new_run()
    local part = parts.module{ model }
    local state, expected = part.save(), bytes(model:state())
    train(model, opt, 2)
    assert.not_same(expected, bytes(model:state()))
    part.load(state)
    assert.same(expected, bytes(model:state()))
    poison(model)
    part.load(state)
    assert.same(expected, bytes(model:state()))
  end))

  it("clears gradients", task(function()
    local model = new_run()
    local part = parts.module{ model }
    assert.is_not_nil(model[1].weight.grad)
    part.load(part.save())
    for _, p in model:parameters() do assert.is_nil(p.grad) end
  end))

  it("saves while the work is in flight, without giving way", task(function()
    local model = new_run()
    local part, other = parts.module{ model }, false
    local sibling = moon.spawn(function() other = true end)
    fill(model, 3)
    local state = part.save()
    fill(model, 5)
    assert.is_false(other)
    sibling:await()
    assert.same({ 3, 3, 3 }, state.values["5.bias"]:totable())
    assert.same({ 5, 5, 5 }, model[5].bias:totable())
  end))

  it("keeps its copies in a moon.tidy", task(function()
    local model = new_run()
    local part = parts.module{ model }
    local state
    moon.tidy(function() moon.tidy(function() state = part.save() end) end)
    local expected = bytes(model:state())
    poison(model)
    part.load(state)
    assert.same(expected, bytes(model:state()))
  end))

  it("restores what there still is, and reports the rest", task(function()
    local model = new_run()
    local part = parts.module{ model }
    local state = part.save()
    local head = bits.of(model[5].weight)
    model[1] = nil
    model.extra = nn.Linear{ 2, 2 }
    poison(model)
    part.check(state)
    assert.same({ joined = { "extra.bias", "extra.weight" },
                  left = { "1.bias", "1.weight" } }, part.load(state))
    assert.equal(head, bits.of(model[5].weight))
    local value = model.extra.weight:totable()[1][1]
    assert.is_true(value ~= value)
  end))

  it("refuses other shapes, by name", task(function()
    local model = new_run()
    local part = parts.module{ model, name = "net" }
    local state = part.save()
    model[5] = nn.Linear{ 4, 2 }
    fails("net: 5.bias is 2 f32, saved as 3 f32; 5.weight is 2x4 f32, "
          .. "saved as 3x4 f32", part.check, state)
  end))

  it("refuses values that are not finite where asked", task(function()
    local model = new_run()
    local asked = parts.module{ model, finite = true }
    local state = asked.save()
    asked.check(state)
    model[5].bias:detach():narrow(1, 2, 1):fill_(1 / 0)
    fails("model: 5.bias has 1 values that are not finite", asked.check,
          asked.save())
    local free = parts.module{ model }
    free.check(free.save())
  end))

  it("refuses a copy that carries an error", task(function()
    local model = nn.Module:extend("Model"){}
    model:buffer("x", moon.ones(2, 2))
    local part = parts.module{ model }
    local state = part.save()
    state.values.x = moon.ones(2, 2):index_select(
      1, moon.tensor({ 0, 5 }, { dtype = "i64" })):keep()
    fails("index_select", part.check, state)
    assert.same({ { 1, 1 }, { 1, 1 } }, model.x:totable())
  end))

  it("gives its memory back at once", task(function()
    local model = new_run()
    local part = parts.module{ model }
    part.dispose(part.save())
    moon.synchronize()
    collectgarbage()
    collectgarbage "stop"
    local before = moon.stats().live_bytes
    local state = part.save()
    local held = moon.stats().live_bytes - before
    part.dispose(state)
    moon.synchronize()
    local after = moon.stats().live_bytes - before
    collectgarbage "restart"
    assert.is_true(held > 0)
    assert.equal(0, after)
  end))
end)

describe("the part of an optimiser", function()
  it("brings back the rate and clears momentum", task(function()
    local _, opt = new_run()
    local part = parts.optimiser{ opt }
    local state = part.save()
    opt.lr = 0.7
    part.check(state)
    part.load(state)
    assert.equal(0.1, opt.lr)
    assert.same({ lr = true }, names_of(opt:state()))
  end))

  it("brings momentum back where asked", task(function()
    local model, opt = new_run()
    local part = parts.optimiser{ opt, clear = false }
    local state, expected = part.save(), bytes(opt:state())
    train(model, opt, 2)
    assert.not_same(expected, bytes(opt:state()))
    part.load(state)
    assert.same(expected, bytes(opt:state()))
  end))

  for _, name in ipairs{ "AdamW", "RMSprop", "Lion", "Muon" } do
    it("is any optimiser's: " .. name, task(function()
      local model, opt = new_run{ name, lr = 0.01 }
      local whole = parts.optimiser{ opt, clear = false }
      local cleared = parts.optimiser{ opt }
      local state, expected = whole.save(), bytes(opt:state())
      local empty = cleared.save()
      train(model, opt, 2)
      whole.check(state)
      whole.load(state)
      assert.same(expected, bytes(opt:state()))
      cleared.check(empty)
      cleared.load(empty)
      assert.same({ lr = true }, names_of(opt:state()))
      train(model, opt, 1)
    end))
  end

  it("leaves out parameters that are no more", task(function()
    local model, opt = new_run()
    local part = parts.optimiser{ opt, clear = false }
    local state = part.save()
    model[1] = nil
    part.load(state)
    part.check(state)
    assert.is_nil(opt:state()["velocity.1.weight"])
    assert.is_not_nil(opt:state()["velocity.5.weight"])
  end))
end)

describe("model and optimiser together", function()
  -- Loads them, by way of `load`, with a part that calls `last` when it loads,
  -- or in its `before`; they stay as they were in every bit.
  local function check_put_back(last, load, pattern, when)
    local model, opt = new_run()
    local generator = parts.generator()
    local list = {
      parts.module{ model }, parts.optimiser{ opt }, generator,
      { name = "last", save = function() return "saved" end,
        before = function()
          if when == "before" then last() end
          return "before"
        end,
        load = function(state)
          if state == "saved" and not when then last() end
        end },
    }
    local states = transaction.save(list)
    train(model, opt, 2)
    local function all()
      local grads = {}
      for name, p in model:parameters() do grads[name] = p.grad end
      return { bytes(model:state()), bytes(opt:state()), bytes(grads) }
    end
    local expected, words, now = all(), nil, nil
    fails(pattern, load, function()
      words = generator.save()
      local _, why = pcall(transaction.load, list, states)
      now = generator.save()
      assert.is_nil(why:find("not be put back", 1, true))
      error(why, 0)
    end)
    assert.same(expected, all())
    for i = 0, 4 do assert.is_true(words[i] == now[i]) end
  end

  it("are as they were in every bit when a later part fails", task(function()
    check_put_back(function() error("no", 0) end, function(fn) fn() end, "no")
  end))

  it("are so too when the task is cancelled before it loads", task(function()
    local child
    check_put_back(function() child:cancel() end, function(fn)
      child = moon.spawn(fn)
      child:await()
    end, "was cancelled", "before")
  end))

  -- On a slow device, so that nothing has run when the task is cancelled.
  it("are loaded though the task is cancelled after that", task(function()
    bits.run(bits.simulated(1, 20), function()
      local model, opt = new_run()
      local list = { parts.module{ model }, parts.optimiser{ opt } }
      local states = transaction.save(list)
      local expected = bytes(model:state())
      fill(model, 2)
      moon.synchronize()
      local child
      child = moon.spawn(function()
        transaction.load(list, states)
        child:cancel()
      end)
      pcall(child.await, child)
      assert.same(expected, bytes(model:state()))
    end)
  end))

  it("are saved though the task is cancelled after that", task(function()
    bits.run(bits.simulated(1, 20), function()
      local model, opt = new_run()
      local list = { parts.module{ model }, parts.optimiser{ opt } }
      local expected, states = bytes(model:state()), nil
      local child
      child = moon.spawn(function()
        states = transaction.save(list)
        child:cancel()
      end)
      pcall(child.await, child)
      fill(model, 2)
      transaction.load(list, states)
      assert.same(expected, bytes(model:state()))
    end)
  end))
end)

describe("the part of the generator", function()
  it("repeats the task's random numbers, and its children's", task(function()
    local part = parts.generator()
    local function draw()
      local child = moon.spawn(function() return moon.rand(3):totable() end)
      return { moon.rand(3):totable(), child:await() }
    end
    draw()
    local state = part.save()
    local expected = draw()
    assert.not_same(expected, draw())
    part.load(state)
    assert.same(expected, draw())
  end))
end)

describe("the part of a plain table", function()
  it("fills the same table with what it held", function()
    local shared = { 1, 2 }
    local t = { n = 1, list = { { "a" } }, one = shared, two = shared }
    t.self = t
    local part = parts.plain{ t, name = "counters" }
    local state = part.save()
    t.n, t.list, t.new = 2, nil, true
    shared[3] = 9
    for _ = 1, 2 do
      part.load(state)
      assert.equal(1, t.n)
      assert.same({ { "a" } }, t.list)
      assert.same({ 1, 2 }, t.one)
      assert.equal(t.one, t.two)
      assert.equal(t, t.self)
      assert.is_nil(t.new)
      t.one[1] = 7
    end
  end)

  it("refuses what is not plain, when it saves", function()
    local t = { f = print }
    local part = parts.plain{ t, name = "counters" }
    fails("counters: holds a function; plain tables hold", part.save)
    t.f = setmetatable({}, {})
    fails("holds a table with a metatable", part.save)
  end)
end)

describe("parts", function()
  it("refuse what they are not made for", task(function()
    fails("parts.module: expects a module, not a number", parts.module, { 3 })
    fails("no option 'finit'", parts.module, { new_model(), finit = true })
    fails("optimiser.state is a function, not nothing", parts.optimiser,
          { {} })
    fails("name is missing", parts.plain, { {} })
  end))
end)
