-- Parameter groups: which parameters, which options, what moves with the rate.
local task = require "support.task"
local moon = require "moonseed"
local nn, optim = moon.nn, moon.optim

local Net = nn.Module:extend("Net")
function Net:init()
  self.stem = nn.Linear{ 2, 2 }
  self.norm = nn.GroupNorm{ 1, 2 }
  self.head = nn.Linear{ 2, 2 }
end
function Net:forward(x) return self.head(self.norm(self.stem(x))) end

-- How far a step of SGD along gradients of 1 takes each parameter, from 1.
local function moves(opt, model)
  local found = {}
  moon.no_grad(function()
    for _, p in model:parameters() do p:fill_(1) end
  end)
  for _, p in model:parameters() do p.grad = moon.ones(p:shape()) end
  opt:step()
  for name, p in model:parameters() do
    found[name] = math.floor(1e4 * (1 - p:reshape(-1)[1]:item()) + 0.5) / 1e4
  end
  return found
end

describe("parameter groups", function()
  it("set options by the parameters' names", task(function()
    local model = Net{}
    local opt = optim.SGD{ model, lr = 0.1, weight_decay = 1, groups = {
      { match = "norm", decay = false }, { match = "^head", lr = 0.01 } } }
    assert.same({ ["stem.weight"] = 0.2, ["stem.bias"] = 0.2,
                  ["norm.weight"] = 0.1, ["norm.bias"] = 0.1,
                  ["head.weight"] = 0.02, ["head.bias"] = 0.02 },
                moves(opt, model))
  end))

  it("find parameters by the class of their module", task(function()
    local model = Net{}
    local opt = optim.SGD{ model, lr = 0.1, groups = {
      { kind = "Norm", lr = 0.2 },
      { kind = "Linear", match = "bias$", lr = 0.3 } } }
    assert.same({ ["stem.weight"] = 0.1, ["stem.bias"] = 0.3,
                  ["norm.weight"] = 0.2, ["norm.bias"] = 0.2,
                  ["head.weight"] = 0.1, ["head.bias"] = 0.3 },
                moves(opt, model))
  end))

  it("add up, a later one over an earlier", task(function()
    local model = Net{}
    local opt = optim.SGD{ model, lr = 0.1, weight_decay = 1, groups = {
      { match = "bias$", decay = false, lr = 0.2 },
      { match = "^head", lr = 0.4 } } }
    assert.same({ ["stem.weight"] = 0.2, ["stem.bias"] = 0.2,
                  ["norm.weight"] = 0.2, ["norm.bias"] = 0.2,
                  ["head.weight"] = 0.8, ["head.bias"] = 0.4 },
                moves(opt, model))
  end))

  it("move with the optimiser's rate, in proportion", task(function()
    local model = Net{}
    local opt = optim.SGD{ model, lr = 0.1,
                           groups = { { match = "^head", lr = 0.4 } } }
    opt.lr = 0.05
    local found = moves(opt, model)
    assert.equal(0.05, found["stem.bias"])
    assert.equal(0.2, found["head.bias"])
  end))

  it("hold for parameters that come later", task(function()
    local model = Net{}
    local opt = optim.SGD{ model, lr = 0.1,
                           groups = { { match = "bias$", lr = 0.3 } } }
    model.more = nn.Linear{ 2, 2 }
    assert.equal(0.3, moves(opt, model)["more.bias"])
    model.more, model.stem, model.norm, model.head = nil, nil, nil, nil
    opt:step()  -- a pattern that matches nothing any more is no error
  end))

  it("take the tensors of a list by number",
     task(function()
    local a, b = moon.ones(1):requires_grad(), moon.ones(1):requires_grad()
    local opt = optim.SGD{ { a, b }, lr = 0.5,
                           groups = { { match = "^2$", lr = 0.25 } } }
    a.grad, b.grad = moon.ones(1), moon.ones(1)
    opt:step()
    assert.same({ 0.5, 0.75 }, { a:item(), b:item() })
  end))

  it("may be replaced, and changed, between steps", task(function()
    local model = Net{}
    local opt = optim.SGD{ model, lr = 0.1 }
    opt.groups = { { match = "^head", lr = 0.2 } }
    assert.equal(0.2, moves(opt, model)["head.bias"])
    opt.groups[1].lr = 0.3
    assert.equal(0.3, moves(opt, model)["head.bias"])
    opt.groups = nil
    assert.equal(0.1, moves(opt, model)["head.bias"])
    opt.groups = { { match = "nothing" } }
    assert.error_matches(function() opt:step() end,
                         "SGD: groups%[1%]: no parameter has match = 'nothing'")
  end))

  it("are any of the optimiser's options", task(function()
    local model = Net{}
    local opt = optim.AdamW{ model, groups = {
      { match = "norm", betas = { 0.5, 0.5 }, weight_decay = 0.2 } } }
    moves(opt, model)
    local state = opt:state()
    local function first(name) return state[name]:reshape(-1)[1]:item() end
    assert.near(0.5, first "mean.norm.bias", 1e-6)
    assert.near(0.1, first "mean.stem.bias", 1e-6)
  end))

  it("refuse what they do not know", task(function()
    local model = Net{}
    local function fails(text, group, kind)
      local ok, e = pcall(optim[kind or "SGD"],
                          { model, lr = 0.1, groups = { group } })
      assert.is_false(ok)
      assert.truthy(tostring(e):find(text, 1, true), e)
    end
    fails("SGD: groups[1]: no option 'rate' (known: decay, kind, lr, match, "
          .. "momentum, nesterov, weight_decay)", { match = "b", rate = 1 })
    fails("SGD: groups[1]: no option 'betas'", { match = "b", betas = {} })
    fails("groups[1]: no parameter has match = 'nrom' (there are stem.weight, "
          .. "stem.bias, norm.weight, norm.bias, head.weight, head.bias)",
          { match = "nrom" })
    fails("no parameter has match = 'bias$', kind = 'Conv2d'",
          { match = "bias$", kind = "Conv2d" })
    fails("groups[1]: says no parameter; give match = or kind =",
          { decay = false })
    fails("groups[1]: match = '(': ", { match = "(" })
    fails("groups[1]: match is a string, not number", { match = 3 })
    fails("groups[1]: decay is true or false", { match = "b", decay = 0 })
    fails("groups[1]: decay = false, and weight_decay",
          { match = "b", decay = false, weight_decay = 1 })
    fails("AdamW: groups[1]: lr is -1, expected", { match = "b", lr = -1 },
          "AdamW")
    fails("SGD: groups[1]: a group is a table, not string", "bias")
    local ok, e = pcall(optim.SGD, { model, lr = 0, groups = {
      { match = "bias", lr = 1 } } })
    assert.is_false(ok)
    assert.truthy(tostring(e):find("its lr moves in proportion to the "
      .. "optimiser's first, which is 0", 1, true), e)
  end))
end)
