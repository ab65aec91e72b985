-- optim.SGD: the formula, which parameters it follows, failure, state.
local task = require "support.task"
local moon = require "moonseed"
local nn, optim = moon.nn, moon.optim

local function parameter(values)
  return moon.tensor(values, { dtype = "f64" }):requires_grad()
end

-- The step of PyTorch's SGD on lists of numbers, in the order of sgd.lua.
local function expected_step(p, g, v, o)
  local squares = 0
  for i = 1, #p do squares = squares + g[i] ^ 2 end
  local scale = 1
  if (o.max_norm or 0) > 0 then
    scale = math.min(1, o.max_norm / (math.sqrt(squares) + 1e-6))
  end
  for i = 1, #p do
    local d = scale * g[i] + (o.weight_decay or 0) * p[i]
    v[i] = (o.momentum or 0) * v[i] + d
    local step = v[i]
    if o.nesterov then step = d + o.momentum * v[i] end
    p[i] = p[i] - o.lr * step
  end
end

local function assert_near(expected, t)
  local values = t:totable()
  assert.equal(#expected, #values)
  for i = 1, #expected do assert.near(expected[i], values[i], 1e-12) end
end

-- Five steps with changing gradients, against the formula.
local function check_formula(o)
  local p, v = { 1, -2, 0.5 }, { 0, 0, 0 }
  local t = parameter(p)
  local options = { { t } }
  for name, value in pairs(o) do options[name] = value end
  local opt = optim.SGD(options)
  for k = 1, 5 do
    local g = { k, 0.5 - k, 1 / k }
    opt:zero_grad()
    local product = t * moon.tensor(g, { dtype = "f64" })
    product:sum():backward()
    opt:step()
    expected_step(p, g, v, o)
    assert_near(p, t)
  end
end

describe("optim.SGD", function()
  it("takes a plain step", task(function() check_formula{ lr = 0.1 } end))

  it("decays weights", task(function()
    check_formula{ lr = 0.1, weight_decay = 0.01 }
  end))

  it("has momentum", task(function()
    check_formula{ lr = 0.1, momentum = 0.9, weight_decay = 0.01 }
  end))

  it("has Nesterov's momentum", task(function()
    check_formula{ lr = 0.05, momentum = 0.9, nesterov = true,
                   weight_decay = 5e-4 }
  end))

  it("clips the norm of all gradients", task(function()
    check_formula{ lr = 0.1, momentum = 0.5, max_norm = 2 }
  end))

  it("gives the norm before clipping", task(function()
    local a, b = parameter{ 0 }, parameter{ 0 }
    local opt = optim.SGD{ { a, b }, lr = 1, max_norm = 1 }
    local y = a * 3 + b * 4
    y:sum():backward()
    assert.near(5, opt:step():item(), 1e-5)
    assert.near(-0.6, a:item(), 1e-6)
    assert.near(-0.8, b:item(), 1e-6)
  end))

  it("takes its rate from the field", task(function()
    local p = parameter{ 0 }
    local opt = optim.SGD{ { p }, lr = 1 }
    opt.lr = 0.25
    p:sum():backward()
    opt:step()
    assert_near({ -0.25 }, p)
  end))

  it("skips parameters without a gradient", task(function()
    local a, b = parameter{ 1 }, parameter{ 1 }
    local opt = optim.SGD{ { a, b }, lr = 0.5, momentum = 0.9,
                           weight_decay = 1 }
    opt:step()
    a:sum():backward()
    opt:step()
    assert_near({ 0 }, a)
    assert_near({ 1 }, b)
  end))

  it("makes gradients nil", task(function()
    local p = parameter{ 1 }
    local opt = optim.SGD{ { p }, lr = 0.5 }
    p:sum():backward()
    assert.is_not_nil(p.grad)
    opt:zero_grad()
    assert.is_nil(p.grad)
  end))

  it("follows a model that gains and loses parameters", task(function()
    local model = nn.Module:extend("Model"){}
    model.a = parameter{ 1 }
    local opt = optim.SGD{ model, lr = 1, momentum = 0.5 }
    local function step()
      opt:zero_grad()
      local sum = 0
      for _, p in model:parameters() do sum = p + sum end
      sum:backward()
      opt:step()
    end
    step()                       -- v(a) = 1
    model.b = parameter{ 1 }
    step()                       -- v(a) = 1.5, v(b) = 1
    assert_near({ -1.5 }, model.a)
    assert_near({ 0 }, model.b)
    model.a = nil
    step()                       -- v(b) = 1.5
    assert_near({ -1.5 }, model.b)
    assert.is_nil(opt:state()["velocity.a"])
    assert_near({ 1.5 }, opt:state()["velocity.b"])
  end))

  it("refuses options that do not fit", task(function()
    local p = parameter{ 1 }
    local function fails(pattern, options)
      assert.error_matches(function() optim.SGD(options) end, pattern)
    end
    fails("SGD: no option 'rate' %(known: model, groups, loss_scale, lr, max_n",
          { { p }, rate = 1 })
    fails("SGD: lr is missing", { { p } })
    fails("SGD: lr is a number, not string", { { p }, lr = "a" })
    fails("SGD: lr is %-1, expected", { { p }, lr = -1 })
    fails("SGD: lr is %-?nan, expected", { { p }, lr = 0 / 0 })
    fails("SGD: momentum is a number", { { p }, lr = 1, momentum = "0.9" })
    fails("SGD: weight_decay is %-1", { { p }, lr = 1, weight_decay = -1 })
    fails("SGD: max_norm is inf", { { p }, lr = 1, max_norm = math.huge })
    fails("nesterov needs a momentum", { { p }, lr = 1, nesterov = true })
  end))

  it("refuses what is no parameter", task(function()
    local p = parameter{ 1 }
    local function fails(pattern, list)
      assert.error_matches(function() optim.SGD{ list, lr = 1 } end, pattern)
    end
    fails("SGD: entry 1 of 1 is a tensor that needs no gradient",
          { moon.zeros(1) })
    fails("SGD: entry 2 of 2 is computed from others", { p, p * 2 })
    fails("SGD: entry 1 of 1 is a number", { 5 })
    fails("SGD: the list of tensors has names or gaps", { p = p })
    fails("SGD: the list of tensors has names or gaps", { nil, p })
  end))

  it("refuses fields that do not fit", task(function()
    local opt = optim.SGD{ { parameter{ 1 } }, lr = 1 }
    for _, case in ipairs{ { -1, "SGD: lr is %-1, expected" },
                           { "a", "SGD: lr is a number, not string" } } do
      opt.lr = case[1]
      assert.error_matches(function() opt:step() end, case[2])
    end
    opt.lr, opt.nesterov = 1, true
    assert.error_matches(function() opt:step() end, "nesterov needs")
    opt.nesterov = false
    opt:step()
  end))

  it("refuses fields that there are not", task(function()
    local opt = optim.SGD{ { parameter{ 1 } }, lr = 1 }
    assert.error_matches(function() opt.lrr = 0.1 end,
      "SGD: no option 'lrr' %(known: groups, loss_scale, lr, max_norm, "
      .. "max_value, momentum, nesterov, weight_decay%)")
    opt.lr = nil
    opt.lr = 0.5
    assert.equal(0.5, opt.lr)
  end))
end)

describe("optim.SGD state", function()
  local function run(opt, p, n)
    for k = 1, n do
      opt:zero_grad()
      local y = p * k
      y:sum():backward()
      opt:step()
    end
  end

  it("continues elsewhere", task(function()
    local a, b = parameter{ 1, 2 }, parameter{ 0, 0 }
    local first = optim.SGD{ { a }, lr = 0.5, momentum = 0.9 }
    run(first, a, 2)
    local second = optim.SGD{ { b }, lr = 0, momentum = 0.9 }
    moon.no_grad(function() b:copy_(a) end)
    second:load_state(first:state())
    assert.equal(0.5, second.lr)
    run(first, a, 3)
    run(second, b, 3)
    assert.same(a:totable(), b:totable())
  end))

  it("is refused if it is no table", task(function()
    local opt = optim.SGD{ { parameter{ 1 } }, lr = 0.5 }
    assert.error_matches(function() opt:load_state() end,
      "SGD: load_state: its argument is a table, not nothing")
  end))

  it("raises for other names and shapes, and then changes nothing",
     task(function()
       local p = parameter{ 1, 2 }
       local opt = optim.SGD{ { p }, lr = 0.5, momentum = 0.9 }
       run(opt, p, 1)
       local before = opt:state()["velocity.1"]:totable()
       local lr = moon.tensor({ 3 }, { dtype = "f64" })
       assert.error_matches(function()
         opt:load_state{ lr = lr, ["velocity.2"] = moon.zeros(2) }
       end, "SGD: load_state: unexpected velocity.2")
       assert.error_matches(function()
         opt:load_state{ lr = lr, ["velocity.1"] = moon.zeros(2) }
       end, "velocity.1 is 2 f64, given 2 f32")
       assert.equal(0.5, opt.lr)
       assert.same(before, opt:state()["velocity.1"]:totable())
     end))
end)

describe("a failed step", function()
  local function copies(model, opt)
    local list = {}
    for _, t in pairs{ model:state(), opt:state() } do
      for name, value in pairs(t) do list[name] = value:totable() end
    end
    return list
  end

  it("leaves parameters and optimiser as they were, and training goes on",
     task(function()
       local model = nn.Sequential{ nn.Linear{ 4, 8 }, nn.ReLU{},
                                    nn.Linear{ 8, 3 } }
       local opt = optim.SGD{ model, lr = 0.1, momentum = 0.9 }
       local function step(labels)
         local y = moon.tensor(labels, { dtype = "i64" })
         local loss = nn.cross_entropy(model(moon.randn(2, 4)), y)
         opt:zero_grad()
         loss:backward()
         opt:step()
         return loss
       end
       step{ 0, 1 }:await()
       local before = copies(model, opt)
       assert.error_matches(function() step{ 1, 3 }:await() end,
                            "cross_entropy.*3")
       pcall(moon.synchronize)
       assert.same(before, copies(model, opt))
       assert.is_true(step{ 2, 0 }:item() > 0)
       assert.are_not.same(before, copies(model, opt))
     end))
end)
