-- A small model with two slots, data that it can learn, and gardens over it.

local context = require "moonseed.context"
local moon = require "moonseed"
local nn, optim, seed = moon.nn, moon.optim, moon.seed

local M = {}

--- Images whose class is the quarter that is bright.
---@param n integer
---@return userdata dataset
function M.data(n)
  local x = moon.rand(n, 1, 8, 8)
  local y = moon.randint(0, 4, n)
  local mask = moon.zeros(4, 1, 8, 8)
  for class = 0, 3 do
    local part = mask[class + 1]:narrow(2, class % 2 * 4 + 1, 4)
    part:narrow(3, math.floor(class / 2) * 4 + 1, 4):fill_(1)
  end
  return moon.data.tensors{ x + mask:index_select(1, y), y }
end

--- Convolutions with batch norm and dropout, so that statistics and random
--- numbers matter.
---@param options table|nil  seeds, host, concurrent: of the slot "early"
---@return table model
function M.model(options)
  local o = { "early" }
  for name, value in pairs(options or {}) do o[name] = value end
  return nn.Sequential{
    nn.Conv2d{ 1, 8, kernel = 3, padding = 1, bias = false },
    nn.BatchNorm2d{ 8 }, nn.ReLU{},
    seed.Slot(o),
    nn.MaxPool2d{ 2 }, nn.Dropout{ 0.1 },
    nn.Conv2d{ 8, 8, kernel = 1 }, nn.ReLU{},
    seed.Slot{ "late" },
    nn.GlobalAvgPool2d{}, nn.Linear{ 8, 4 },
  }
end

--- A run: model, optimiser, garden and data, with `step()`.
---@param options table|nil  of the garden; slot: of the slot
---@return table
function M.run(options)
  local o = {}
  for name, value in pairs(options or {}) do o[name] = value end
  local run = { events = {}, model = M.model(o.slot) }
  run.train, run.valid = M.data(256), M.data(64)
  run.opt = optim.SGD{ run.model, lr = 0.05, momentum = 0.9,
                       weight_decay = 1e-4 }
  o.slot = nil
  o[1], o.optim, o.valid, o.train = run.model, run.opt, run.valid, run.train
  o.classes = 4
  o.gates = o.gates or "permissive"
  o.blending = o.blending or { steps = 10, curve = "linear" }
  o.on_event = function(event) run.events[#run.events + 1] = event end
  run.garden = seed.Garden(o)
  run.slot = run.garden:slot "early"
  local next_batch
  function run.step()
    local x, y
    if next_batch then x, y = next_batch() end
    if not x then
      next_batch = run.train:batches{ 32, shuffle = true, flip = true }
      x, y = next_batch()
    end
    local loss = nn.cross_entropy(run.model(x), y)
    run.opt:zero_grad()
    loss:backward()
    run.opt:step()
    run.garden:step{ y = y, loss = loss }
    run.x, run.y, run.loss = x, y, loss
    return loss
  end
  function run.steps(n) for _ = 1, n do run.step() end end
  return run
end

--- Brings the first seed of `early` into a stage, whatever the gates say.
---@param run table
---@param stage string      GERMINATED to FOSSILIZED
---@param blueprint string|nil
---@param options table|nil of germinate
function M.grow(run, stage, blueprint, options)
  local slot = run.slot
  slot:germinate(blueprint or "conv_small", options)
  local index = options and options.seed
  while slot:stage(index) ~= stage do
    if slot:stage(index) == "BLENDING" then
      run.step()
    else
      slot:advance{ force = true, seed = index }
    end
  end
end

--- Two slots with two seeds each in a tiny model; `head` comes before its last
--- layers.
---@param on_event function|nil
---@param head table|nil
---@return table garden, table model
function M.tiny(on_event, head)
  local model = nn.Sequential{
    nn.Conv2d{ 1, 2, kernel = 1 }, seed.Slot{ "early", seeds = 2 },
    nn.ReLU{}, seed.Slot{ "late", seeds = 2 }, head or nn.ReLU{},
    nn.GlobalAvgPool2d{}, nn.Linear{ 2, 3 },
  }
  local garden = seed.Garden{
    model, classes = 3, gates = "permissive", on_event = on_event,
    blending = { steps = 3, curve = "linear" },
    valid = moon.data.tensors{ moon.randn(8, 1, 2, 2),
                               moon.randint(0, 3, 8) } }
  return garden, model
end

local fields = { "module", "gate", "blueprint", "incubator", "stream",
                 "failure", "deviation", "unchecked", "changes", "since",
                 "improvement", "contribution", "kind", "generator" }

local function seed_state(s, add)
  add(s:stage(), s:alpha(), s.measures:age(s.row), s:errors(), #s:history())
  for _, name in ipairs(fields) do add(rawget(s, name)) end
  for _, name in ipairs{ "from", "to", "k", "steps", "curve" } do
    add(s.schedule[name])
  end
  if s.generator then for i = 0, 4 do add(s.generator[i]) end end
end

--- Everything that an edit might change, in words.
---@param garden table
---@param model table
---@return string
function M.state(garden, model)
  local words = {}
  local function add(...)
    for i = 1, select("#", ...) do
      words[#words + 1] = tostring((select(i, ...)))
    end
  end
  for _, s in ipairs(garden:seeds()) do
    seed_state(s, function(...)
      for i = 1, select("#", ...) do
        local value = select(i, ...)
        -- A seed's module has a long description; its identity will do.
        words[#words + 1] = nn.Module.is(value)
          and tostring(value._value) or tostring(value)
      end
    end)
  end
  for _, slot in pairs(garden:slots()) do
    add(slot.blended, slot.watched, slot.training)
  end
  for name, p in model:parameters() do add(name, p:id()) end
  local generator = context.save_generator()
  for i = 0, 4 do add(generator[i]) end
  add(#garden.events, #garden.outcomes, garden.steps, garden.epochs,
      garden.planned)
  return table.concat(words, " ")
end

return M
