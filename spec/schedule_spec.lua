-- Same numbers under every schedule: synchronous, on one stream or many, with
-- one thread or more, on sim in random order with random delays.

local moon = require "moonseed"
local bits = require "support.bits"
local task = require "support.task"
local nn, optim = moon.nn, moon.optim

local SEEDS = os.getenv "MOONSEED_SOAK" and 50 or 5
local MS = 0.2  -- sim's longest delay before an op

local function trunk()
  return nn.Sequential{
    nn.Conv2d{ 3, 8, kernel = 3, padding = 1 }, nn.BatchNorm2d{ 8 },
    nn.ReLU{}, nn.MaxPool2d{ 2 },
    nn.Conv2d{ 8, 8, kernel = 3, padding = 1, groups = 2 }, nn.ReLU{},
    nn.GlobalAvgPool2d{},
  }
end

local function gradients(model)
  local list = {}
  for _, p in model:parameters() do list[#list + 1] = p.grad end
  return list
end

-- Parameters and running statistics.
local function state(model)
  local list = {}
  for _, p in model:parameters() do list[#list + 1] = p end
  for _, b in model:buffers() do list[#list + 1] = b end
  return list
end

-- Three tasks share a module; each gives its features and waits at random.
local function features(model, schedule)
  local tasks = {}
  for i = 1, 3 do
    tasks[i] = function()
      return schedule.scope(function()
        local x = moon.randn(4, 3, 12, 12) * i
        schedule.detour()
        local y = moon.dropout(model(x), 0.25)
        schedule.detour()
        return y
      end)
    end
  end
  return moon.gather(unpack(tasks))
end

-- One forward and backward of the gathered tasks.
local function gathered(schedule)
  local model = trunk()
  local a, b, c = features(model, schedule)
  local joined = moon.cat({ a, b, c }, 1)
  local loss = (joined * joined):mean() + joined:max()
  loss:backward()
  return bits.of_all{ joined, loss } .. bits.of_all(gradients(model))
    .. bits.of_all(state(model))
end

-- Every kind of op in one expression, forward and backward.
local function mixture()
  local x = moon.randn(6, 40):requires_grad()
  local w = moon.randn(40, 30):requires_grad()
  local rows = moon.randperm(6)
  local y = x:matmul(w):softmax(2):index_select(1, rows)
  local z = moon.cat({ y, (y + 1):log(), y:exp() }, 2)
  local s = z:narrow(2, 10, 50):permute(2, 1):reshape(20, 15)
  local loss = s:var(1):sum() + s:norm() + (s:max(2)):mean() + z:sum() * 0.1
  loss:backward()
  return bits.of_all{ z, s, loss, x.grad, w.grad }
end

local function classifier()
  return nn.Sequential{
    nn.Conv2d{ 1, 8, kernel = 3, padding = 1, bias = false },
    nn.BatchNorm2d{ 8 }, nn.ReLU{}, nn.MaxPool2d{ 2 },
    nn.Conv2d{ 8, 8, kernel = 3, padding = 1 }, nn.ReLU{}, nn.Dropout{ 0.2 },
    nn.GlobalAvgPool2d{}, nn.Linear{ 8, 4 },
  }
end

-- A hundred steps; every loss and all parameters at the end.
local function training(schedule)
  local model, losses = classifier(), {}
  local opt = optim.SGD{ model, lr = 0.05, momentum = 0.9, nesterov = true,
                         weight_decay = 5e-4, max_norm = 5 }
  for step = 1, 100 do
    local x, y = moon.randn(8, 1, 8, 8), moon.randint(0, 4, 8)
    local loss = nn.cross_entropy(model(x), y)
    opt:zero_grad()
    loss:backward()
    opt:step()
    losses[step] = loss:detach()
    schedule.detour()
  end
  return bits.of_all(losses) .. bits.of_all(state(model))
end

-- Forty steps in which two tasks share the model.
local function training_gathered(schedule)
  local model = trunk()
  local opt = optim.SGD{ model, lr = 0.05, momentum = 0.9 }
  for _ = 1, 40 do
    local a, b, c = features(model, schedule)
    opt:zero_grad()
    local loss = (a - b):norm() + (b * c):mean()
    loss:backward()
    opt:step()
  end
  return bits.of_all(state(model))
end

-- A few steps of every optimiser, with averages, a metric and recompute.
local function optimising(schedule)
  local all = {}
  for _, description in ipairs{
    { "AdamW", max_norm = 1 }, { "RMSprop", momentum = 0.9, centered = true },
    { "Lion", lr = 1e-3, max_value = 0.01 }, { "Muon", max_norm = 5 } } do
    local model = classifier()
    local opt = optim.rebuild(description, model)
    local ema = optim.EMA{ model, decay = 0.9, buffers = true }
    local confusion = moon.metrics.Confusion{ 4 }
    for _ = 1, 8 do
      local x, y = moon.randn(8, 1, 8, 8), moon.randint(0, 4, 8)
      local logits = moon.recompute(model, x)
      opt:zero_grad()
      nn.cross_entropy(logits, y):backward()
      opt:step()
      ema:update()
      confusion:update(logits, y)
      schedule.detour()
    end
    ema:swap()
    all[#all + 1] = bits.of_all(state(model))
    ema:swap()
    all[#all + 1] = bits.of_all(state(model))
    for _, row in ipairs(confusion:value()) do
      all[#all + 1] = table.concat(row, " ")
    end
  end
  return table.concat(all)
end

local programs = {
  { "a mixture of ops", mixture },
  { "gathered tasks that share a module", gathered },
  { "a hundred training steps", training },
  { "training in gathered tasks", training_gathered },
  { "steps of every optimiser", optimising },
}

describe("the bits of", function()
  for _, entry in ipairs(programs) do
    local name, program = unpack(entry)
    describe(name, function()
      local wanted
      setup(task(function() wanted = bits.run(bits.plain, program) end))
      teardown(function() wanted = nil end)

      it("come from numbers, not from nothing", function()
        assert.is_true(#wanted > 200)
        assert.is_nil(wanted:find(("\0\0\192\127"):rep(8), 1, true))
      end)

      for _, schedule in ipairs(bits.schedules) do
        it("are the same, " .. schedule.name, task(function()
          assert.is_true(bits.run(schedule, program) == wanted)
        end))
      end

      it(("are the same on sim with %d seeds"):format(SEEDS), task(function()
        for rng_seed = 1, SEEDS do
          local got = bits.run(bits.simulated(rng_seed, MS), program)
          assert.is_true(got == wanted, "seed " .. rng_seed)
        end
      end))
    end)
  end
end)
