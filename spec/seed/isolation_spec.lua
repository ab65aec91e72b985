-- What incubates is not noticed: the host's run has the bits that it has
-- without.

local bits = require "support.bits"
local context = require "moonseed.context"
local gardens = require "support.garden"
local moon = require "moonseed"
local task = require "support.task"

local function generator()
  local words, list = context.save_generator(), {}
  for i = 0, 4 do list[i + 1] = tostring(words[i]) end
  return table.concat(list, " ")
end

-- Everything of the host: weights, statistics, gradients, velocities, the
-- losses and the data in their order, random numbers.
local function host_bits(steps, interfere)
  moon.manual_seed(3)
  local run = gardens.run{ gates = "permissive" }
  local parts = {}
  local names = {}
  for name in run.model:parameters() do names[#names + 1] = name end
  if interfere then interfere(run, 0) end
  for i = 1, steps do
    run.step()
    if interfere then interfere(run, i) end
    parts[#parts + 1] = bits.of(run.loss:detach()) .. bits.of(run.x)
  end
  local by_name = {}
  for name, p in run.model:parameters() do by_name[name] = p end
  for _, name in ipairs(names) do
    parts[#parts + 1] = bits.of(by_name[name])
    parts[#parts + 1] = bits.of(by_name[name].grad)
  end
  for _, b in run.model:buffers() do parts[#parts + 1] = bits.of(b) end
  local state = run.opt:state()
  for _, name in ipairs(names) do
    parts[#parts + 1] = bits.of(state["velocity." .. name])
  end
  parts[#parts + 1] = generator()
  run.garden:close()
  return table.concat(parts), run
end

local function plant(blueprint, options)
  return function(run, i)
    if i == 10 then
      run.slot:germinate(blueprint, options)
      run.garden:slot("late"):germinate("attention")
    elseif i == 12 then
      run.slot:advance{ force = true }
      run.garden:slot("late"):advance{ force = true }
    end
  end
end

-- Fills the seed's weights with a value that is not finite.
local function poison(value)
  local grow = plant "conv_light"
  return function(run, i)
    grow(run, i)
    if i ~= 50 then return end
    moon.no_grad(function()
      for _, p in run.slot:seed().module:parameters() do p:fill_(value) end
    end)
  end
end

describe("an incubating seed", function()
  local alone
  it("leaves every bit of the host as it is without", task(function()
    alone = host_bits(200)
    assert.is_true(alone == host_bits(200), "the run repeats itself")
    for _, name in ipairs{ "conv_light", "norm", "conv_heavy" } do
      local beside, run = host_bits(200, plant(name))
      assert.equal("TRAINING", run.slot:stage())
      assert.is_true(alone == beside, name)
    end
  end))

  it("does so full of NaN and infinities", task(function()
    for _, value in ipairs{ 0 / 0, math.huge } do
      local beside, run = host_bits(200, poison(value))
      assert.is_true(alone == beside)
      moon.synchronize()
      assert.is_true(run.slot:seed():measure "output_wild" > 0)
    end
  end))

  it("does so when it was pruned half way", task(function()
    local grow = plant "conv_light"
    local beside = host_bits(200, function(run, i)
      grow(run, i)
      if i == 100 then run.slot:prune "enough" end
    end)
    assert.is_true(alone == beside)
  end))

  it("does so in a random order of ops", task(function()
    local schedule = bits.simulated(5, 0.2)
    local function program() return (host_bits(40, plant "conv_light")) end
    assert.is_true(bits.run(schedule, program)
                   == bits.run(schedule, function() return (host_bits(40)) end))
  end))
end)

describe("a seed that learns straight through", function()
  it("leaves the host's forward as it is", task(function()
    local function losses(through)
      moon.manual_seed(3)
      local run = gardens.run{ incubation = { through = through } }
      run.steps(5)
      if through then
        run.slot:germinate "conv_small"
        run.slot:advance()
      end
      local loss = bits.of(run.step():detach())
      return loss, run
    end
    local alone = losses(false)
    local beside, run = losses(true)
    assert.is_true(alone == beside)
    run.steps(3)
    moon.synchronize()
    assert.is_true(run.slot:seed():measure "gradient_norm" > 0)
  end))

  it("cannot poison the host's gradients", task(function()
    local run = gardens.run{ incubation = { through = true } }
    run.steps(2)
    run.slot:germinate "conv_small"
    run.slot:advance()
    moon.no_grad(function()
      for _, p in run.slot:seed().module:parameters() do p:fill_(0 / 0) end
    end)
    run.steps(3)
    for name, p in run.model:parameters() do
      assert.is_true(p.grad:statistics()[3]:item() == 0, name)
      assert.is_true(p:statistics()[3]:item() == 0, name)
    end
  end))
end)
