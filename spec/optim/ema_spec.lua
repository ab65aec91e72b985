-- optim.EMA: the average, the swap, models that grow, state.
local bits = require "support.bits"
local task = require "support.task"
local moon = require "moonseed"
local nn, optim = moon.nn, moon.optim

local function parameter(values)
  return moon.tensor(values, { dtype = "f64" }):requires_grad()
end

local function set(p, values)
  moon.no_grad(function()
    p:copy_(moon.tensor(values, { dtype = p:dtype() }))
  end)
end

describe("optim.EMA", function()
  it("begins with the weights and follows them", task(function()
    local p = parameter{ 1, 2 }
    local ema = optim.EMA{ { p }, decay = 0.75 }
    ema:update()
    set(p, { 5, 6 })
    ema:update()
    assert.same({ 2, 3 }, ema:state()["average.1"]:totable())
    set(p, { 2, 7 })
    ema:update()
    assert.same({ 2, 4 }, ema:state()["average.1"]:totable())
    assert.same({ 2, 7 }, p:totable())
  end))

  it("changes places with the weights, and back, in every bit",
     task(function()
    local model = nn.Sequential{ nn.Linear{ 3, 4 }, nn.Linear{ 4, 2 } }
    local ema = optim.EMA{ model, decay = 0.9 }
    local opt = optim.AdamW{ model, lr = 0.1 }
    local function text()
      local parts = {}
      for name, p in model:parameters() do
        parts[#parts + 1] = name .. bits.of(p)
      end
      return table.concat(parts)
    end
    for _ = 1, 3 do
      model(moon.randn(5, 3)):sum():backward()
      opt:step()
      opt:zero_grad()
      ema:update()
    end
    local live = text()
    local average = ema:state()["average.1.weight"]:totable()
    local seen = ema:swapped(function(n)
      assert.equal(5, n)
      assert.same(average, model[1].weight:totable())
      assert.is_false(live == text())
      return n + 1
    end, 5)
    assert.equal(6, seen)
    assert.is_true(live == text())
    assert.error_matches(function()
      ema:swapped(function() error("no evaluation today", 0) end)
    end, "no evaluation today")
    assert.is_true(live == text())
    assert.same(average, ema:state()["average.1.weight"]:totable())
  end))

  it("follows a model that gains and loses parameters", task(function()
    local model = nn.Module:extend("Model"){}
    model.a = parameter{ 1 }
    local ema = optim.EMA{ model, decay = 0.5 }
    ema:update()
    model.b = parameter{ 8 }
    assert.is_nil(ema:state()["average.b"])
    ema:swap():swap()
    assert.equal(8, model.b:item())
    ema:update()
    set(model.b, { 4 })
    ema:update()
    assert.equal(6, ema:state()["average.b"]:item())
    model.a = nil
    assert.is_nil(ema:state()["average.a"])
  end))

  it("averages buffers where asked", task(function()
    local norm = nn.BatchNorm2d{ 1 }
    local with = optim.EMA{ norm, decay = 0.5, buffers = true }
    local without = optim.EMA{ norm, decay = 0.5 }
    local function run()
      norm(moon.randn(8, 1, 3, 3) * 3 + 2)
      with:update()
      without:update()
    end
    run()
    run()
    local names = {}
    for name in pairs(without:state()) do names[#names + 1] = name end
    table.sort(names)
    assert.same({ "average.bias", "average.weight" }, names)
    local count, live = 0, {}
    for name, b in norm:buffers() do
      count, live[name] = count + 1, b:totable()
      assert.is_not_nil(with:state()["average." .. name])
    end
    assert.equal(2, count)
    with:swap()
    for name, b in norm:buffers() do
      assert.is_false(live[name][1] == b:totable()[1])
    end
    with:swap()
    for name, b in norm:buffers() do assert.same(live[name], b:totable()) end
  end))

  it("changes nothing when a weight carries an error", task(function()
    local a, b = parameter{ 1 }, parameter{ 1 }
    local ema = optim.EMA{ { a, b }, decay = 0.5 }
    ema:update()
    set(a, { 3 })
    moon.no_grad(function()
      local bad = moon.tensor({ 1 }, { dtype = "f64" })
      b:copy_(bad:index_select(1, moon.tensor({ 4 }, { dtype = "i64" })))
    end)
    assert.error_matches(function() b:await() end, "index_select")
    ema:update()
    assert.same({ 2, 1 }, { ema:state()["average.1"]:item(),
                            ema:state()["average.2"]:item() })
  end))

  it("goes on elsewhere from its state", task(function()
    local p, q = parameter{ 1, 2 }, parameter{ 0, 0 }
    local first = optim.EMA{ { p }, decay = 0.75 }
    first:update()
    set(p, { 3, 3 })
    first:update()
    local second = optim.EMA{ { q }, decay = 0.75 }
    second:load_state(first:state())
    set(q, { 3, 3 })
    first:update()
    second:update()
    assert.same(first:state()["average.1"]:totable(),
                second:state()["average.1"]:totable())
    local before = second:state()["average.1"]:totable()
    assert.error_matches(function()
      second:load_state{ ["average.2"] = moon.zeros(2) }
    end, "EMA: load_state: unexpected average.2")
    assert.error_matches(function()
      second:load_state{ ["average.1"] = moon.zeros(2) }
    end, "average.1 is 2 f64, given 2 f32")
    assert.same(before, second:state()["average.1"]:totable())
  end))

  it("refuses what does not fit", task(function()
    local p = parameter{ 1 }
    assert.error_matches(function() optim.EMA{ { p }, decay = 1 } end,
                         "EMA: decay is 1, expected a number in %[0, 1%)")
    assert.error_matches(function() optim.EMA{ { p }, rate = 1 } end,
                         "EMA: no option 'rate' %(known: model, buffers, decay")
    assert.error_matches(function() optim.EMA{ { moon.ones(1) } } end,
                         "EMA: entry 1 of 1 is a tensor that needs no")
    local ema = optim.EMA{ { p } }
    ema:swap()
    assert.error_matches(function() ema:update() end,
                         "EMA: update while the model has the averages")
    assert.error_matches(function() ema:swapped(print) end, "swap back first")
    ema:swap()
    ema:update()
  end))
end)
