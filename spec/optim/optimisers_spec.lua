-- What holds of every optimiser: state in and out, models that grow, failure.
local bits = require "support.bits"
local task = require "support.task"
local moon = require "moonseed"
local nn, optim = moon.nn, moon.optim

local kinds = {
  { "SGD", lr = 0.1, momentum = 0.9 }, { "Adam", lr = 0.01 },
  { "AdamW", lr = 0.01, max_norm = 1 },
  { "RMSprop", lr = 0.01, momentum = 0.5, centered = true },
  { "Lion", lr = 0.001, weight_decay = 0.1 },
  { "Muon", lr = 0.02, max_norm = 1 },
}

local function new_model()
  return nn.Sequential{ nn.Conv2d{ 1, 4, kernel = 3 }, nn.ReLU{},
                        nn.Flatten{}, nn.Linear{ 16, 3 } }
end

local function step(model, opt, labels)
  local y = moon.tensor(labels or { 0, 1, 2 }, { dtype = "i64" })
  local loss = nn.cross_entropy(model(moon.randn(3, 1, 4, 4)), y)
  opt:zero_grad()
  loss:backward()
  opt:step()
  return loss
end

local function text_of(t)
  local names, parts = {}, {}
  for name in pairs(t) do names[#names + 1] = name end
  table.sort(names)
  for i, name in ipairs(names) do parts[i] = name .. bits.of(t[name]) end
  return table.concat(parts, "\n")
end

local function copies(t)
  local list = {}
  for name, value in pairs(t) do list[name] = value:detach():clone() end
  return list
end

for _, kind in ipairs(kinds) do
  describe("optim." .. kind[1], function()
    it("makes a model fit", task(function()
      moon.manual_seed(1)
      local model = new_model()
      local opt = optim.rebuild(kind, model)
      local x = moon.randn(12, 1, 4, 4)
      local y = moon.randint(0, 3, 12)
      local function loss() return nn.cross_entropy(model(x), y) end
      local before = loss():item()
      for _ = 1, 60 do
        local now = loss()
        opt:zero_grad()
        now:backward()
        opt:step()
      end
      assert.is_true(loss():item() < 0.9 * before)
    end))

    it("goes on elsewhere with the same bits", task(function()
      moon.manual_seed(2)
      local model, other = new_model(), new_model()
      local opt = optim.rebuild(kind, model)
      for _ = 1, 3 do step(model, opt) end
      local second = optim.rebuild(opt:describe(), other)
      other:load_state(model:state())
      second:load_state(opt:state())
      for _, pair in ipairs{ { model, opt }, { other, second } } do
        moon.manual_seed(9)
        for _ = 1, 3 do step(pair[1], pair[2]) end
      end
      assert.is_true(text_of(model:state()) == text_of(other:state()))
      assert.is_true(text_of(opt:state()) == text_of(second:state()))
    end))

    it("starts with nothing for new parameters and forgets lost ones",
       task(function()
      local model = new_model()
      local opt = optim.rebuild(kind, model)
      step(model, opt)
      local before = {}
      for name in pairs(opt:state()) do before[name] = true end
      model["5"] = nn.Linear{ 3, 3 }
      for name in pairs(opt:state()) do
        assert.is_true(before[name], name)
      end
      step(model, opt)
      local has_new = false
      for name in pairs(opt:state()) do
        has_new = has_new or name:find "%.5%.weight$" ~= nil
      end
      assert.is_true(has_new)
      model["5"] = nil
      step(model, opt)
      for name in pairs(opt:state()) do
        assert.is_true(before[name], name)
      end
    end))

    it("changes nothing in a step that fails, and goes on", task(function()
      local model = new_model()
      local opt = optim.rebuild(kind, model)
      step(model, opt):await()
      local before = text_of(model:state()) .. text_of(opt:state())
      assert.error_matches(function() step(model, opt, { 0, 1, 7 }):await() end,
                           "cross_entropy.*7")
      pcall(moon.synchronize)
      assert.is_true(before == text_of(model:state()) .. text_of(opt:state()))
      assert.is_true(step(model, opt):item() > 0)
      assert.is_true(before ~= text_of(model:state()) .. text_of(opt:state()))
    end))

    it("refuses a state of which a part is missing, and keeps its own",
       task(function()
      local model = new_model()
      local opt = optim.rebuild(kind, model)
      step(model, opt)
      local given = copies(opt:state())
      local before = text_of(opt:state())
      given["velocity.9.weight"] = moon.zeros(1)
      assert.error_matches(function() opt:load_state(given) end,
                           "load_state: .*unexpected velocity.9.weight")
      given["velocity.9.weight"] = nil
      local prefix = kind[1] == "RMSprop" and "square"
        or given["count.1.weight"] and "count" or nil
      if prefix then
        local name = prefix .. ".1.weight"
        given[name] = nil
        assert.error_matches(function() opt:load_state(given) end,
                             "load_state: missing " .. name)
      end
      assert.is_true(before == text_of(opt:state()))
    end))

    it("has the same bits on other streams", task(function()
      local found = {}
      for i, stream in ipairs{ moon.stream(), moon.streams():next() } do
        moon.on(stream, function()
          moon.manual_seed(4)
          local model = new_model()
          local opt = optim.rebuild(kind, model)
          for _ = 1, 3 do step(model, opt) end
          moon.synchronize()
          found[i] = text_of(model:state())
        end)
      end
      assert.is_true(found[1] == found[2])
    end))

    it("refuses options that do not fit", task(function()
      local p = moon.ones(2, 2):requires_grad()
      local function fails(pattern, options)
        options[1] = kind[1]
        options.lr = options.lr or 0.1
        assert.error_matches(function() optim.rebuild(options, { p }) end,
                             kind[1] .. ": " .. pattern)
      end
      fails("no option 'rate' %(known: model, ", { rate = 1 })
      fails("lr is %-1, expected", { lr = -1 })
      fails("weight_decay is a number, not string", { weight_decay = "1" })
      fails("max_value is inf", { max_value = math.huge })
      local opt = optim.rebuild(kind, { p })
      assert.error_matches(function() opt.betta = 1 end, "no option 'betta'")
    end))
  end)
end

describe("optim.rebuild", function()
  it("makes another of the same options and groups", task(function()
    local model = new_model()
    local opt = optim.AdamW{ model, lr = 0.5, betas = { 0.8, 0.9 },
      max_value = 3, groups = { { match = "bias", decay = false } } }
    opt.lr, opt.eps = 0.25, 1e-3
    local other = optim.rebuild(opt:describe(), model)
    assert.same({ 0.8, 0.9 }, other.betas)
    assert.same({ { match = "bias", decay = false } }, other.groups)
    assert.same({ 0.5, 1e-3, 3 }, { other.lr, other.eps, other.max_value })
    other.betas[1] = 0
    assert.equal(0.8, opt.betas[1])
  end))

  it("refuses what is no optimiser", task(function()
    local p = { moon.ones(1):requires_grad() }
    for _, name in ipairs{ "SDG", "rebuild", "Optimiser" } do
      assert.error_matches(function() optim.rebuild({ name }, p) end,
                           "rebuild: there is no optimiser '" .. name .. "'")
    end
  end))
end)
