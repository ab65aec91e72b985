-- Losses of an input and a target of one shape; those of labels are in
-- spec/op/cross_entropy_spec.lua.

local moon = require "moonseed"
local op = require "support.op"
local nn = moon.nn

local shape = { 3, 4 }
local known = {
  mse = "reduction", l1 = "reduction", huber = "delta, reduction",
  smooth_l1 = "beta, reduction", kl_div = "log_target, reduction",
  bce_with_logits = "pos_weight, reduction, weight",
}

-- Of positive numbers below 1.
local function share(x) return (x * 3):sigmoid() end

describe("the loss", function()
  local cases = {
    { "mse" }, { "l1" }, { "huber", { delta = 0.7 } },
    { "smooth_l1", { beta = 0.3 } }, { "smooth_l1", { beta = 0 } },
    { "kl_div", {}, share }, { "kl_div", { log_target = true } },
    { "bce_with_logits", {}, share },
  }
  for _, case in ipairs(cases) do
    local name, options, target = unpack(case)
    for _, reduction in ipairs{ "mean", "sum", "none" } do
      local o = { reduction = reduction }
      for key, value in pairs(options or {}) do o[key] = value end
      op.agrees{ ("%s to %s"):format(name, reduction),
                 inputs = { shape, shape }, fn = function(x, y)
        return nn[name](x * 2, target and target(y) or y, o)
      end }
    end
  end
  op.agrees{ "bce_with_logits, weighted", inputs = { shape, shape },
             fn = function(x, y)
    local o = { dtype = x:dtype(), device = x:device() }
    return nn.bce_with_logits(x, share(y), {
      pos_weight = moon.tensor({ 1, 2, 0.5, 3 }, o),
      weight = moon.tensor({ { 1 }, { 0.5 }, { 2 } }, o),
    })
  end }

  for name, options in pairs(known) do
    op.everywhere(name .. " of none has the mean NaN, the sum 0",
                  function(device)
      local x = moon.zeros(0, 2, { device = device })
      local mean = nn[name](x, x):item()
      assert.is_true(mean ~= mean)
      assert.equal(0, nn[name](x, x, { reduction = "sum" }):item())
    end)
    op.everywhere(name .. " of one value is that value's", function(device)
      local x = moon.full({}, 0.5, { device = device })
      assert.equal(nn[name](x, x):item(),
                   nn[name](x, x, { reduction = "none" }):item())
    end)
    op.refuses("two shapes in " .. name,
               name .. ": the input is 2x3, the target 3", function()
      nn[name](moon.zeros(2, 3), moon.zeros(3))
    end)
    op.refuses("two dtypes in " .. name,
               name .. ": the input is f32, the target i64; cast one",
               function()
      nn[name](moon.zeros(2), moon.zeros(2, { dtype = "i64" }))
    end)
    op.refuses("an unknown reduction of " .. name,
               name .. ": no reduction 'max' (mean, sum, none)", function()
      nn[name](moon.zeros(2), moon.zeros(2), { reduction = "max" })
    end)
    op.refuses("an unknown option of " .. name,
               ("%s: no option 'sigma' (known: %s)"):format(name, options),
               function()
      nn[name](moon.zeros(2), moon.zeros(2), { sigma = 1 })
    end)
  end

  op.everywhere("bce_with_logits keeps its digits far out", function(device)
    local x = moon.tensor({ 1e4, -1e4, 30, -30 }, { device = device })
    local y = moon.tensor({ 1, 0, 1, 1 }, { device = device })
    local losses = nn.bce_with_logits(x, y, { reduction = "none" })
    local got = op.flat(losses)
    assert.same({ 0, 0 }, { got[1], got[2] })
    assert.near(math.exp(-30), got[3], 1e-18)
    assert.equal(30, got[4])
  end)

  op.everywhere("huber has a finite gradient at infinity", function(device)
    local x = moon.tensor({ 1 / 0, -1 / 0, 1e30 }, { device = device })
    x:requires_grad()
    nn.huber(x, moon.zeros(3, { device = device }),
             { reduction = "sum" }):backward()
    assert.same({ 1, -1, 1 }, op.flat(x.grad))
  end)

  op.everywhere("kl_div of a share of 0 is 0", function(device)
    local y = moon.tensor({ 0, 1 }, { device = device })
    local x = moon.tensor({ -3, 0 }, { device = device })
    assert.same({ 0, 0 }, op.flat(nn.kl_div(x, y, { reduction = "none" })))
    local rows = nn.kl_div(x:reshape(2, 1) * 0 - 1, y:reshape(2, 1),
                           { reduction = "batchmean" })
    assert.equal(0.5, rows:item())
  end)

  op.refuses("huber of delta 0", "huber: delta is above 0, not 0", function()
    nn.huber(moon.zeros(2), moon.zeros(2), { delta = 0 })
  end)
  op.refuses("smooth_l1 of beta -1", "smooth_l1: beta is at least 0, not -1",
             function()
    nn.smooth_l1(moon.zeros(2), moon.zeros(2), { beta = -1 })
  end)
  op.refuses("weights of another shape",
             "bce_with_logits: weights for 2x3, the logits are 3", function()
    nn.bce_with_logits(moon.zeros(3), moon.zeros(3),
                       { weight = moon.ones(2, 1) })
  end)
  op.refuses("no target", "mse: the target is a tensor, not nothing",
             function() nn.mse(moon.zeros(2)) end)
end)
