-- Programs for specs of moon.capture: each trains a small model by a step that
-- `wrap` may capture, and gives everything it leaves as bytes, by name.

local bits = require "support.bits"
local context = require "moonseed.context"
local gardens = require "support.garden"
local moon = require "moonseed"
local nn, optim = moon.nn, moon.optim

local M = {}

--- n batches of images [size, 1, 8, 8] with labels below 4.
---@param n integer
---@param size integer
---@return table[]  { x, y }
function M.batches(n, size)
  local list = {}
  for i = 1, n do
    list[i] = { moon.randn(size, 1, 8, 8), moon.randint(0, 4, size) }
  end
  return list
end

--- A convolution with batch norm and dropout, so that statistics and random
--- numbers matter.
---@return table model
function M.cnn()
  return nn.Sequential{
    nn.Conv2d{ 1, 8, kernel = 3, padding = 1, bias = false },
    nn.BatchNorm2d{ 8 }, nn.ReLU{}, nn.Dropout{ 0.2 }, nn.MaxPool2d{ 2 },
    nn.Conv2d{ 8, 16, kernel = 3, padding = 1 }, nn.ReLU{},
    nn.GlobalAvgPool2d{}, nn.Linear{ 16, 4 } }
end

---@return table model
function M.mlp()
  return nn.Sequential{ nn.Flatten{}, nn.Linear{ 64, 16 }, nn.ReLU{},
                        nn.Linear{ 16, 4 } }
end

--- What a program leaves: weights, buffers, gradients, optimiser, generator,
--- and what its steps returned.
---@param model table
---@param opt table
---@param returned userdata[]
---@return table<string, string>
function M.left(model, opt, returned)
  local left = { returned = bits.of_all(returned) }
  for name, p in model:parameters() do
    left[name] = bits.of(p)
    left["grad of " .. name] = p.grad and bits.of(p.grad) or "none"
  end
  for name, b in model:buffers() do left[name] = bits.of(b) end
  for name, t in pairs(opt:state()) do left["optim " .. name] = bits.of(t) end
  left.generator = table.concat(
    context.generator_numbers(context.save_generator()), " ")
  return left
end

--- The usual step.
---@param model table
---@param opt table
---@return fun(x: userdata, y: userdata): userdata, userdata?
function M.step(model, opt)
  return function(x, y)
    local loss = nn.cross_entropy(model(x), y)
    opt:zero_grad()
    loss:backward()
    return loss, opt:step()
  end
end

-- Calls step(x, y) for each batch; all tensors that it returned.
local function take(step, batches, before)
  local returned = {}
  for i, batch in ipairs(batches) do
    if before then before(i) end
    local loss, norm = step(batch[1], batch[2])
    returned[#returned + 1] = loss
    returned[#returned + 1] = norm
  end
  return returned
end
M.take = take

-- --- programs: function(wrap) -> what is left --------------------------------

M.programs = {}
local programs = M.programs

programs["an MLP with momentum and a schedule"] = function(wrap)
  local model = M.mlp()
  local opt = optim.SGD{ model, lr = 0.1, momentum = 0.9 }
  local rate = optim.schedule.cosine{ opt, steps = 20, warmup = 4 }
  local plain = M.step(model, opt)
  local step = wrap(function(x, y)
    local loss = plain(x, y)
    rate:step()
    return loss
  end)
  return M.left(model, opt, take(step, M.batches(20, 8)))
end

programs["a CNN with batch norm, dropout, AdamW and max_norm"] = function(wrap)
  local model = M.cnn()
  local opt = optim.AdamW{ model, lr = 0.01, max_norm = 0.5,
                           groups = { { kind = "Norm", decay = false } } }
  local step = wrap(M.step(model, opt))
  return M.left(model, opt, take(step, M.batches(20, 8)))
end

programs["a rate that is assigned between steps"] = function(wrap)
  local model = M.mlp()
  local opt = optim.SGD{ model, lr = 0.1 }
  local step = wrap(M.step(model, opt))
  return M.left(model, opt, take(step, M.batches(20, 8), function(i)
    opt.lr = 0.1 / i
    opt.max_norm = i > 10 and 0.1 or 0
  end))
end

programs["gradients that add up over two backwards in a step"] = function(wrap)
  local model = M.cnn()
  local opt = optim.SGD{ model, lr = 0.1 }
  local step = wrap(function(x, y)
    opt:zero_grad()
    for i = 1, 2 do
      (nn.cross_entropy(model(x * i), y) / 2):backward()
    end
    return opt:step()
  end)
  return M.left(model, opt, take(step, M.batches(20, 8)))
end

programs["gradients that add up over calls"] = function(wrap)
  local model = M.mlp()
  local opt = optim.SGD{ model, lr = 0.1 }
  local learn = wrap(function(x, y)
    local loss = nn.cross_entropy(model(x), y)
    loss:backward()
    return loss
  end)
  local calls = 0
  local function step(x, y)
    local loss = learn(x, y)
    calls = calls + 1
    if calls % 4 == 0 then
      opt:step()
      opt:zero_grad()
    end
    return loss
  end
  return M.left(model, opt, take(step, M.batches(23, 8)))
end

programs["a last batch that is smaller"] = function(wrap)
  local model = M.cnn()
  local opt = optim.SGD{ model, lr = 0.1, momentum = 0.9 }
  local step, returned = wrap(M.step(model, opt)), {}
  for _ = 1, 5 do
    for _, list in ipairs{ M.batches(3, 8), M.batches(1, 5) } do
      for _, t in ipairs(take(step, list)) do returned[#returned + 1] = t end
    end
  end
  return M.left(model, opt, returned)
end

programs["two streams"] = function(wrap)
  local a, b = M.mlp(), M.cnn()
  local model = nn.Sequential{ a, b }
  local opt = optim.SGD{ model, lr = 0.1, momentum = 0.9 }
  local streams = moon.streams()
  local s, t = streams:next(), streams:next()
  local step = wrap(function(x, y)
    local p = moon.on(s, function() return a(x) end)
    local q = moon.on(t, function() return b(x) end)
    local loss = nn.cross_entropy(p + q, y)
    opt:zero_grad()
    loss:backward()
    opt:step()
    return loss
  end)
  return M.left(model, opt, take(step, M.batches(20, 8)))
end

programs["a loss scale, averages and a metric"] = function(wrap)
  local model = M.mlp()
  local opt = optim.AdamW{ model, lr = 0.01, loss_scale = "dynamic" }
  local ema = optim.EMA{ model, decay = 0.9 }
  local right = moon.metrics.Accuracy{}
  local step = wrap(function(x, y)
    local logits = model(x)
    local loss = nn.cross_entropy(logits, y)
    opt:zero_grad()
    opt:scale(loss):backward()
    opt:step()
    ema:update()
    right:update(logits, y)
    return loss
  end)
  local left = M.left(model, opt, take(step, M.batches(20, 8)))
  for name, t in pairs(ema:state()) do left[name] = bits.of(t) end
  left.right = right:value()
  return left
end

programs["activations that are computed again"] = function(wrap)
  local first, last = M.cnn(), nn.Linear{ 4, 4 }
  local model = nn.Sequential{ first, last }
  local opt = optim.SGD{ model, lr = 0.1, momentum = 0.9 }
  local step = wrap(function(x, y)
    local h = moon.recompute(function(z) return first(z) end, x)
    local loss = moon.tidy(function() return nn.cross_entropy(last(h), y) end)
    opt:zero_grad()
    loss:backward()
    opt:step()
    return loss
  end)
  return M.left(model, opt, take(step, M.batches(20, 8)))
end

programs["a user-defined op, constants and random numbers"] = function(wrap)
  local model = M.mlp()
  local opt = optim.SGD{ model, lr = 0.1 }
  local cube = moon.op{
    name = "cube",
    forward = function(ctx, x)
      ctx:save(x)
      return x * x * x
    end,
    backward = function(ctx, dy)
      local x = ctx:saved()
      return dy * x * x * 3
    end,
  }
  local step = wrap(function(x, y)
    local sum = moon.tensor{ 0, 1, 2, 3 }
    local shift = moon.tensor{ 0.5, 0, 0, 0 }
    sum:add_(shift)
    local noise = moon.no_grad(function() return moon.randn(8, 4) * 0.1 end)
    local loss = nn.cross_entropy(cube(model(x)) + noise + sum, y)
    opt:zero_grad()
    loss:backward()
    opt:step()
    return loss, sum
  end)
  return M.left(model, opt, take(step, M.batches(20, 8)))
end

programs["an isolated part with random numbers"] = function(wrap)
  local model = M.cnn()
  local opt = optim.SGD{ model, lr = 0.1 }
  local words = context.generator_state(5)
  local step = wrap(function(x, y)
    local h = context.isolated(words, function() return model(x) end)
    local loss = nn.cross_entropy(h + moon.rand(8, 4), y)
    opt:zero_grad()
    loss:backward()
    opt:step()
    return loss
  end)
  local left = M.left(model, opt, take(step, M.batches(20, 8)))
  left.words = table.concat(context.generator_numbers(words), " ")
  return left
end

-- --- that grow ---------------------------------------------------------------

--- A slot that germinates, learns, blends and is pruned while it trains.
---@param kind string  of the blend
---@return function program
function M.growing(kind)
  return function(wrap)
    local run = gardens.run{ blending = { kind = kind, steps = 4,
                                          curve = "linear" } }
    local slot, model, opt, garden = run.slot, run.model, run.opt, run.garden
    local step = wrap(function(x, y)
      local loss = nn.cross_entropy(model(x), y)
      opt:zero_grad()
      loss:backward()
      opt:step()
      garden:step{ y = y, loss = loss }
      return loss
    end)
    local acts = {
      [4] = function() slot:germinate("conv_small") end,
      [6] = function() slot:advance{ force = true } end,
      [10] = function() slot:advance{ force = true } end,
      [20] = function() slot:prune("why not") end,
    }
    local returned = take(step, M.batches(26, 8), function(i)
      if acts[i] then acts[i]() end
    end)
    local left = M.left(model, opt, returned)
    left.alpha = slot:alpha()
    local measures = garden.measures
    moon.synchronize()
    left.norm = measures:read(0, "output_norm")
    left.stages = slot:stage()
    garden:close()
    return left
  end
end

--- An MLP's step, a batch, the model and its optimiser.
---@param wrap function
---@return function step
---@return userdata x
---@return userdata y
---@return table model
---@return table opt
function M.small(wrap)
  moon.manual_seed(3)
  local model = M.mlp()
  local opt = optim.SGD{ model, lr = 0.1, momentum = 0.9 }
  local x, y = moon.randn(8, 1, 8, 8), moon.randint(0, 4, 8)
  return wrap(M.step(model, opt)), x, y, model, opt
end

return M
