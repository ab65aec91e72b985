-- Seeds that come and go while ops are in flight, and what they leave behind.

local bits = require "support.bits"
local gardens = require "support.garden"
local moon = require "moonseed"
local task = require "support.task"
local nn, seed = moon.nn, moon.seed

-- A seed of many long convolutions; `value` in all their weights.
local Long = nn.Module:extend "Long"
function Long:init(options)
  self.conv = nn.Conv2d{ options[1], options[1], kernel = 3, padding = 1,
                         bias = false }
end
function Long:forward(x)
  local y = x
  for _ = 1, 6 do y = self.conv(y) end
  return x + (y - y:detach())
end
seed.blueprint("long", { build = function(shape) return Long{ shape[2] } end })

local function bare(options)
  local o = { "here" }
  for name, value in pairs(options or {}) do o[name] = value end
  local model = nn.Sequential{ seed.Slot(o) }
  local garden = seed.Garden{
    model, classes = 4, gates = "permissive",
    blending = { steps = 1, curve = "linear" },
    valid = moon.data.tensors{ moon.randn(8, 16, 4, 4),
                               moon.randint(0, 4, 8) } }
  return model, garden:slot "here", garden
end

local function plant(garden, slot, blueprint, alpha)
  slot:germinate(blueprint)
  slot:advance{ force = true }
  slot:advance{ force = true }
  slot:seed():set_alpha(alpha)
  moon.no_grad(function()
    for _, p in slot:seed().module:parameters() do
      p:copy_(moon.randn(p:shape()) * 0.05)
    end
  end)
  garden.valid = nil
end

-- Until the place is free again; nothing is measured, nobody waits.
local function rest(garden)
  for _ = 1, 7 do garden:epoch() end
end

describe("while a seed's kernels run", function()
  it("pruning it leaves that forward, and its backward, as they were",
     task(function()
    local function run(prune)
      moon.manual_seed(2)
      local model, slot, garden = bare()
      plant(garden, slot, "long", 0.5)
      local x = moon.randn(8, 16, 48, 48):requires_grad()
      moon.synchronize()
      local y = model(x)
      if prune then
        slot:prune "now"
        assert.is_false(y:is_ready())
        assert.is_true(rawequal(x, model(x)), "the next goes without")
        collectgarbage()
      end
      (y * y):sum():backward()
      return bits.of(y:detach()) .. bits.of(x.grad)
    end
    assert.is_true(run(false) == run(true))
  end))

  it("planting another gives the old one's forward, then the new one's",
     task(function()
    local function run(replant)
      moon.manual_seed(2)
      local model, slot, garden = bare()
      local valid = garden.valid
      plant(garden, slot, "long", 0.5)
      local x, y = moon.randn(8, 16, 48, 48), nil
      moon.synchronize()
      for _ = 1, 3 do y = model(x) end
      if replant then
        slot:prune "now"
        rest(garden)
        assert.is_false(y:is_ready())
        garden.valid = valid
        plant(garden, slot, "conv_small", 1)
        local s = slot:seed()
        assert.is_true(bits.of(model(x)) == bits.of(s.module(x)))
        assert.equal(0, s:errors())
      end
      return bits.of(y)
    end
    assert.is_true(run(false) == run(true))
  end))

  it("what it still measures is not the new one's", task(function()
    local model, slot, garden = bare()
    plant(garden, slot, "long", 0.5)
    local x = moon.randn(8, 16, 48, 48)
    moon.synchronize()
    local y = model(x)
    slot:prune "now"
    assert.is_false(y:is_ready())
    moon.synchronize()
    assert.is_nil(slot:seed():measure "output_norm")
    assert.equal(0, slot:seed():errors())
  end))

  it("the garden may go away", task(function()
    local x = moon.randn(8, 16, 48, 48)
    local y
    do
      local model, slot, garden = bare()
      plant(garden, slot, "long", 0.5)
      y = model(x)
    end
    collectgarbage()
    collectgarbage()
    y:await()
  end))
end)

describe("memory", function()
  local function live()
    jit.flush()  -- traces hold the constants they were compiled with
    moon.synchronize()
    collectgarbage()
    collectgarbage()
    moon.synchronize()
    local stats = moon.stats()
    return stats.live_tensors, stats.live_bytes, stats.live_nodes
  end

  -- To the end of a pass over the data, of 8 batches.
  local function finish_pass(run)
    repeat run.step() until run.garden.steps % 8 == 0
  end

  it("comes back when a seed is pruned", task(function()
    local run = gardens.run()
    run.steps(3)
    local function trace()
      finish_pass(run)
      run.opt:zero_grad()
      run.x, run.y, run.loss = nil, nil, nil
      run.slot.now = {}
      return live()
    end
    trace()
    local tensors, bytes, nodes = trace()
    for _, name in ipairs{ "TRAINING", "BLENDING", "HOLDING" } do
      gardens.grow(run, name, "conv_heavy")
      run.steps(5)
      run.slot:prune "enough"
      local tensors_after, bytes_after, nodes_after = trace()
      assert.is_true(tensors_after <= tensors, name)
      assert.is_true(bytes_after <= bytes, name)
      assert.equal(nodes, nodes_after)
      for _ = 1, 7 do run.garden:epoch() end
    end
    run.garden:close()
  end))

  it("stays flat over 1,000 steps of coming and going", task(function()
    local run = gardens.run()
    local late = run.garden:slot "late"
    local function round()
      gardens.grow(run, "TRAINING", "conv_light")
      run.steps(15)
      late:germinate "attention"
      late:advance{ force = true }
      late:advance{ force = true }
      run.slot:advance{ force = true }
      run.steps(15)
      run.slot:prune()
      late:prune()
      finish_pass(run)
      for _ = 1, 7 do run.garden:epoch() end
      run.garden.events, run.events = {}, {}
      return live()
    end
    run.steps(2)
    round()
    local tensors, bytes = round()
    while run.garden.steps < 1000 do round() end
    local tensors_after, bytes_after = round()
    assert.is_true(tensors_after <= tensors,
                   ("%d, then %d"):format(tensors, tensors_after))
    assert.is_true(bytes_after <= bytes,
                   ("%d, then %d"):format(bytes, bytes_after))
    run.garden:close()
  end))
end)
