-- Every number that is told of a seed, against one computed by other means.

local gardens = require "support.garden"
local moon = require "moonseed"
local nn = moon.nn
local task = require "support.task"
local view = require "moonseed.seed.view"

local function close(a, b, tolerance)
  assert.is_number(a)
  assert.is_true(math.abs(a - b) <= (tolerance or 1e-5) * math.max(1,
                 math.abs(b)), ("%.9g, expected %.9g"):format(a, b))
end

-- Norm, share of zeros and count of what is not finite, by Lua.
local function by_hand(t)
  local n, sum, zeros, wild = 0, 0, 0, 0
  local function visit(value)
    if type(value) == "table" then
      for _, inner in ipairs(value) do visit(inner) end
      return
    end
    n = n + 1
    if value == 0 then zeros = zeros + 1 end
    if value ~= value or math.abs(value) == math.huge then
      wild = wild + 1
    end
    sum = sum + value * value
  end
  visit(t:totable())
  return math.sqrt(sum), zeros / n, wild
end

local names = { "output_norm", "output_zeros", "output_wild",
                "gradient_norm", "shadow_loss", "base_loss" }

-- What policies are shown, that was measured.
local function shown(run)
  for _, row in ipairs(view.of(run.garden).slots) do
    if row.name == "early" then return row end
  end
end

local function assert_nothing(run)
  local s = run.slot:seed()
  for _, name in ipairs(names) do assert.is_nil(s:measure(name), name) end
  local row = shown(run)
  for _, name in ipairs{ "contribution", "improvement", "gradient_ratio",
                         "shadow_loss" } do
    assert.is_nil(s[name], name)
    assert.is_nil(row[name], name)
  end
  assert.equal(0, row.errors)
end

describe("of a seed", function()
  it("nothing is known before it was measured, nor after it has gone",
     task(function()
    local run = gardens.run()
    run.steps(1)
    assert_nothing(run)
    run.garden:epoch()
    assert_nothing(run)
    run.slot:germinate "conv_light"
    assert_nothing(run)
    run.steps(2)
    run.slot:advance()
    assert_nothing(run)
    run.steps(2)
    run.garden:epoch()
    assert.is_number(shown(run).shadow_loss)
    run.slot:prune()
    assert_nothing(run)
    run.steps(2)
    run.garden:epoch()
    assert_nothing(run)
    run.garden:close()
  end))

  it("the output's norm, zeros and what is not finite are those of its output",
     task(function()
    local run = gardens.run()
    run.steps(2)
    gardens.grow(run, "HOLDING", "conv_light")
    local s, output = run.slot:seed(), nil
    local module = s.module
    local forward = module.forward
    rawset(module, "forward", function(self, x)
      output = forward(self, x):relu()
      return output
    end)
    for _, wild in ipairs{ false, true } do
      if wild then
        moon.no_grad(function()
          local _, p = module:parameters()()
          p:view(p:numel()):narrow(1, 1, 1):fill_(math.huge)
        end)
      end
      run.step()
      moon.synchronize()
      local norm, zeros, count = by_hand(output:detach())
      if not wild then close(s:measure "output_norm", norm) end
      close(s:measure "output_zeros", zeros)
      assert.equal(count, s:measure "output_wild")
      assert.equal(wild, count > 0)
    end
    rawset(module, "forward", nil)
    run.garden:close()
  end))

  it("the gradient's norm in the blend is that of its parameters",
     task(function()
    local run = gardens.run()
    run.steps(2)
    gardens.grow(run, "HOLDING", "conv_light")
    run.steps(1)
    moon.synchronize()
    local sum = 0
    for _, p in run.slot:seed().module:parameters() do
      sum = sum + by_hand(p.grad) ^ 2
    end
    close(run.slot:seed():measure "gradient_norm", math.sqrt(sum))
    run.garden:close()
  end))

  -- Root mean square of gradients.
  local function rms(list)
    local sum, n = 0, 0
    for _, grad in ipairs(list) do
      sum, n = sum + by_hand(grad) ^ 2, n + grad:numel()
    end
    return math.sqrt(sum / n)
  end

  local function loss_of(logits, y)
    local total = 0
    local rows, labels = logits:totable(), y:totable()
    for i, row in ipairs(rows) do
      local sum = 0
      for _, v in ipairs(row) do sum = sum + math.exp(v) end
      total = total + math.log(sum) - row[labels[i] + 1]
    end
    return total / #rows
  end

  local function features_of(run)
    local x = run.valid.x
    for _, name in ipairs{ "1", "2", "3" } do x = run.model[name](x) end
    return x
  end

  it("shadow loss and improvement are those on the validation split",
     task(function()
    local run = gardens.run()
    run.steps(2)
    run.slot:germinate "conv_light"
    run.slot:advance()
    run.steps(30)
    run.garden:epoch()
    local s = run.slot:seed()
    run.model:eval()
    s.module:eval()
    local loss, base = moon.no_grad(function()
      local x, y = features_of(run), run.valid.y
      return loss_of(s.incubator.head(s.module(x)), y),
        loss_of(s.incubator.base_head(x), y)
    end)
    close(s.held_out, loss)
    close(s.improvement, 1 - loss / base)
    assert.equal(s.held_out, shown(run).shadow_loss)
    assert.equal(s.improvement, shown(run).improvement)
    run.garden:close()
  end))

  it("base loss is that of a head on the bare features", task(function()
    local run = gardens.run()
    run.steps(2)
    run.slot:germinate "conv_light"
    run.slot:advance()
    run.steps(4)
    local s = run.slot:seed()
    local head = nn.copy(s.incubator.base_head)
    local shadow = nn.copy(s.incubator.head)
    local module = nn.copy(s.module)
    run.step()
    moon.synchronize()
    local x = run.slot.now.features
    close(s:measure "base_loss", loss_of(head(x):detach(), run.y))
    close(s:measure "shadow_loss", loss_of(shadow(module(x)):detach(), run.y))
    run.garden:close()
  end))

  it("the gradients' ratio is of root mean squares, seed to host",
     task(function()
    local run = gardens.run()
    run.steps(2)
    run.slot:germinate "conv_light"
    run.slot:advance()
    run.steps(3)
    local s = run.slot:seed()
    local module, head = nn.copy(s.module), nn.copy(s.incubator.head)
    run.step()
    run.garden:epoch()
    nn.cross_entropy(head(module(run.slot.now.features)), run.y):backward()
    local ours, host = {}, {}
    for _, m in ipairs{ module, head } do
      for _, p in m:parameters() do ours[#ours + 1] = p.grad end
    end
    for _, p in run.model:parameters() do host[#host + 1] = p.grad end
    close(s.gradient_ratio, rms(ours) / rms(host), 1e-4)
    assert.equal(s.gradient_ratio, shown(run).gradient_ratio)
    run.garden:close()
  end))

  it("the contribution is what the model loses without it", task(function()
    local run = gardens.run()
    run.steps(30)
    gardens.grow(run, "HOLDING", "conv_light")
    run.steps(30)
    local found = run.garden:epoch()
    local function judge()
      run.model:eval()
      local logits = moon.no_grad(function()
        return run.model(run.valid.x)
      end)
      run.model:train()
      local right, labels = 0, run.valid.y:totable()
      for i, best in ipairs(logits:argmax(2):totable()) do
        if best == labels[i] then right = right + 1 end
      end
      return right / #labels, loss_of(logits, run.valid.y)
    end
    local s = run.slot:seed()
    local with, loss_with = judge()
    run.slot.disabled = { true }
    local without, loss_without = judge()
    run.slot.disabled = nil
    close(found.accuracy, with)
    close(found.loss, loss_with)
    close(s.contribution, with - without)
    close(s.contribution_loss, loss_without - loss_with)
    assert.equal(s.contribution, shown(run).contribution)
    run.garden:close()
  end))

  it("its age is counted in steps of a stage, and epochs", task(function()
    local run = gardens.run()
    run.steps(3)
    run.slot:germinate "noop"
    run.steps(2)
    assert.equal(2, shown(run).age_steps)
    run.garden:epoch()
    assert.equal(1, shown(run).age_epochs)
    run.slot:advance()
    assert.equal(0, shown(run).age_steps)
    assert.equal(0, shown(run).age_epochs)
    run.garden:close()
  end))
end)
