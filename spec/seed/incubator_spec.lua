-- How a seed learns before the host notices it.

local bits = require "support.bits"
local gardens = require "support.garden"
local moon = require "moonseed"
local split = require "moonseed.seed.split"
local task = require "support.task"
local nn, optim, seed = moon.nn, moon.optim, moon.seed

local function fails(pattern, fn, ...)
  local ok, why = pcall(fn, ...)
  assert.is_false(ok)
  assert.matches(pattern, why)
end

-- A garden with a seed of `early` that learns.
local function incubating(options, blueprint)
  moon.manual_seed(5)
  local run = gardens.run(options)
  run.steps(2)
  run.slot:germinate(blueprint or "conv_light")
  run.slot:advance()
  return run, run.slot:seed()
end

describe("by shadow loss", function()
  it("a seed gets better on held-out features", task(function()
    local run, s = incubating()
    run.garden:epoch()
    local before, base = s.held_out, s.improvement
    run.steps(100)
    run.garden:epoch()
    assert.is_true(s.held_out < 0.8 * before)
    assert.is_true(math.abs(base) < 1e-5, "at birth it is worth nothing")
    run.garden:close()
  end))

  it("a seed's output stays within 8 times the host's in 1,500 steps",
     task(function()
    local run, s = incubating()
    for _ = 1, 15 do
      run.steps(100)
      local host = run.slot.now.features:norm():item()
      local ours = s:measure "output_norm"
      assert.is_true(ours < 8 * host, ("%g of %g"):format(ours, host))
    end
    run.garden:close()
  end))

  it("learns what the same steps by hand would", task(function()
    local run, s = incubating{ incubation = { lr = 0.1, momentum = 0.5,
                                              max_norm = 0.7 } }
    local incubator = s.incubator
    local module, head = nn.copy(s.module), nn.copy(incubator.head)
    local list = {}
    for _, m in ipairs{ module, head } do
      for _, p in m:parameters() do list[#list + 1] = p end
    end
    local opt = optim.SGD{ list, lr = 0.1, momentum = 0.5, max_norm = 0.7 }
    for _ = 1, 5 do
      run.step()
      local loss = nn.cross_entropy(head(module(run.slot.now.features)), run.y)
      opt:zero_grad()
      loss:backward()
      local norm = opt:step():item()
      moon.synchronize()
      assert.equal(loss:item(), s:measure "shadow_loss")
      assert.equal(norm, s:measure "gradient_norm")
    end
    local ours, theirs = {}, {}
    for _, p in s.module:parameters() do ours[#ours + 1] = p:detach() end
    for _, p in module:parameters() do theirs[#theirs + 1] = p:detach() end
    assert.is_true(bits.of_all(ours) == bits.of_all(theirs))
    run.garden:close()
  end))
end)

describe("incubation", function()
  it("takes any optimiser", task(function()
    for _, name in ipairs{ "AdamW", "RMSprop", "Lion", "Muon" } do
      local run, s = incubating{ incubation = { optim = { name, lr = 0.01 } } }
      run.garden:epoch()
      local before = s.held_out
      run.steps(60)
      run.garden:epoch()
      assert.is_nil(s.failure)
      assert.is_true(s.held_out < before, name)
      assert.is_true(s:measure "gradient_norm" > 0)
      run.garden:close()
    end
  end))

  it("refuses options that fit no optimiser", task(function()
    local function refuses(text, options)
      fails(text, gardens.run, { incubation = options })
    end
    refuses("rebuild: there is no optimiser 'SDG'", { optim = { "SDG" } })
    refuses("AdamW: no option 'momentum'", { optim = { "AdamW",
                                                       momentum = 1 } })
    refuses("lr and momentum are SGD's", { optim = { "AdamW" }, lr = 1 })
    refuses("SGD: lr is %-1", { lr = -1 })
    refuses("max_norm is above 0", { max_norm = 0 })
  end))
end)

describe("against the host's frozen tail", function()
  local function host_state(run)
    local all = {}
    for _, p in run.model:parameters() do
      all[#all + 1], all[#all + 2] = p:detach(), p.grad
    end
    for _, b in run.model:buffers() do all[#all + 1] = b end
    return bits.of_all(all)
  end

  it("a seed gets better on held-out features", task(function()
    local run, s = incubating{ incubation = { tail = true, lr = 0.3 } }
    assert.is_nil(s.incubator.head)
    run.garden:epoch()
    local base = s.improvement
    run.steps(100)
    run.garden:epoch()
    assert.is_true(math.abs(base) < 1e-5, "at birth it is worth nothing")
    assert.is_true(s.improvement > 0.02, tostring(s.improvement))
    run.garden:close()
  end))

  it("the logits are the model's with the seed in the slot's place",
     task(function()
    for _, host in ipairs{ false, nn.Conv2d{ 8, 8, kernel = 1 } } do
      local run, s = incubating{ slot = { host = host or nil },
                                 incubation = { tail = true } }
      run.steps(3)
      local late = run.garden:slot "late"
      late:germinate "mlp"
      late:advance{ force = true }
      run.steps(3)
      late:advance{ force = true }
      run.steps(3)
      local tail, x = s.incubator.tail, moon.randn(4, 8, 8, 8)
      run.model:eval()
      local logits = moon.no_grad(function() return tail(s.module(x), x) end)
      run.slot:advance{ force = true }
      run.model:eval()
      s:set_alpha(1)
      local _, suffix = split.at(run.model, { run.slot })
      assert.is_true(moon.allclose(suffix(x), logits, { rtol = 1e-5 }))
      run.garden:close()
    end
  end))

  it("a model that cannot be cut there is refused", task(function()
    local Wrapped = nn.Module:extend "Wrapped"
    function Wrapped:init() self.inner = seed.Slot{ "here" } end
    function Wrapped:forward(x) return self.inner:forward(x) * 2 end
    local model = nn.Sequential{ nn.Conv2d{ 1, 4, kernel = 1 }, Wrapped{},
                                 nn.GlobalAvgPool2d{}, nn.Linear{ 4, 3 } }
    local garden = seed.Garden{ model, incubation = { tail = true },
                                gates = "permissive" }
    local slot = garden:slot "here"
    slot:germinate "noop"
    fails("not cut at slot here", slot.advance, slot, { force = true })
    assert.equal("GERMINATED", slot:stage())
  end))

  it("no bit of the host changes", task(function()
    local function run_of(incubate)
      moon.manual_seed(5)
      local run = gardens.run{ incubation = { tail = true } }
      run.steps(2)
      if incubate then
        run.slot:germinate "conv_light"
        run.slot:advance()
        run.garden:slot("late"):germinate "attention"
        run.garden:slot("late"):advance()
      end
      run.steps(20)
      local state = host_state(run)
      local loss = bits.of(run.loss:detach())
      run.garden:close()
      return state .. loss
    end
    assert.is_true(run_of(false) == run_of(true))
  end))
end)
