--- What growth is judged by, measured at the end of an epoch on the validation
--- split: the model's loss and accuracy, what each seed that takes part
--- contributes, and how seeds that incubate do on held-out features. Leaves no
--- trace in the training.

local check = require "moonseed.check"
local moon = require "moonseed"
local nn = require "moonseed.nn"
local contribution = require "moonseed.seed.contribution"
local features = require "moonseed.seed.features"
local stage = require "moonseed.seed.stage"

local M = {}

local BATCH = 256
local HELD_OUT = 2048  -- examples at most, for shadow losses

local function seeds_in(garden, wanted)
  local list = {}
  for _, seed in ipairs(garden.all) do
    if wanted(seed:stage()) and not seed.failure then list[#list + 1] = seed end
  end
  return list
end

-- --- contributions ---------------------------------------------------------

local function contributions(garden, data)
  local found = contribution.measure{
    garden.model, data = data, slots = garden.list, batch = BATCH,
    shares = false }
  for _, seed in ipairs(seeds_in(garden, stage.is_blended)) do
    local of_slot = found[seed.slot.name]
    local worth = of_slot and of_slot[seed.index]
    seed.contribution = worth and worth.accuracy
    seed.contribution_loss = worth and worth.loss
  end
  return found.baseline
end

-- --- incubation ------------------------------------------------------------

-- Adds up loss x count of the seed and of the bare features, on the device.
local function add_losses(sums, seed, h, y)
  if seed.failure then return end
  local loss, base = seed.incubator:measure(h, y)
  if not loss then return end
  local sum, n = sums[seed] or { n = 0 }, h:size(1)
  sum.loss = sum.loss and sum.loss + loss * n or loss * n
  sum.base = sum.base and sum.base + base * n or base * n
  sum.n = sum.n + n
  sums[seed] = sum
end

local function read(t) return t:item() end

local function held_out(garden, seeds, slots, data)
  local sums = {}
  features.aside(garden, slots, function()
    local part = data:narrow(1, math.min(HELD_OUT, #data))
    for x, y in part:batches{ BATCH } do
      garden.model(x)
      for _, seed in ipairs(seeds) do
        add_losses(sums, seed, seed.slot.now.features, y)
      end
    end
  end)
  return sums
end

local function root_mean_square(norm, n)
  return norm and n > 0 and norm / math.sqrt(n) or nil
end

-- Of seeds that have failed: their gradients may have, too.
local function failed_parameters(garden)
  local ids = {}
  for _, seed in ipairs(garden.all) do
    if seed.failure and seed.module then
      for _, p in seed.module:parameters() do ids[p:id()] = true end
    end
  end
  return ids
end

-- Of the gradients that the host's parameters have now; nil without any.
local function host_gradient(garden)
  local total, n, failed = nil, 0, failed_parameters(garden)
  for _, p in garden.model:parameters() do
    local grad = not failed[p:id()] and p.grad
    if grad then
      local square = (grad * grad):sum()
      total = total and total + square or square
      n = n + grad:numel()
    end
  end
  return root_mean_square(total and math.sqrt(total:item()), n)
end

local function numel(module)
  local n = 0
  for _, p in module:parameters() do n = n + p:numel() end
  return n
end

-- Of the seed's and its head's, as their clipping found it.
local function seed_gradient(seed)
  if seed.stream then seed.stream:synchronize() end
  local n = numel(seed.module)
  if seed.incubator.head then n = n + numel(seed.incubator.head) end
  return root_mean_square(seed:measure "gradient_norm", n)
end

local function incubation(garden, data)
  local seeds = seeds_in(garden, function(name) return name == "TRAINING" end)
  if #seeds == 0 then return end
  local slots, host = {}, host_gradient(garden)
  for _, seed in ipairs(seeds) do slots[#slots + 1] = seed.slot end
  local sums = data and held_out(garden, seeds, slots, data) or {}
  for _, seed in ipairs(seeds) do
    local sum = sums[seed]
    local loss = sum and not seed.failure and seed:try(read, sum.loss)
    if loss then
      seed.held_out = loss / sum.n
      seed.improvement = 1 - loss / sum.base:item()
    end
    local own = seed_gradient(seed)
    seed.gradient_ratio = own and host and host > 0 and own / host or nil
  end
end

--- Measures; fills the seeds' contribution, improvement, held_out and
--- gradient_ratio.
---@param garden table
---@param data userdata|nil  a data set
---@return table  loss and accuracy; empty without data
function M.measure(garden, data)
  if data ~= nil and type(data) ~= "userdata" then
    check.fail("garden:epoch", "expects a data set, not a %s", type(data))
  end
  incubation(garden, data)
  if not data then return {} end
  return contributions(garden, data)
end

-- What one batch adds to the sums and metrics.
local function add_batch(sums, logits, y, metrics)
  local n = y:size(1)
  sums.loss:add_((nn.cross_entropy(logits, y) * n):to "f32")
  sums.right:add_(logits:argmax(2):eq(y):to("f32"):sum())
  for _, metric in pairs(metrics) do metric:update(logits, y) end
end

local function add_up(model, data, metrics)
  local sums
  for x, y in data:batches{ BATCH } do
    sums = sums or { loss = moon.zeros(1, { device = x:device() }),
                     right = moon.zeros(1, { device = x:device() }) }
    moon.tidy(function() add_batch(sums, model(x), y, metrics) end)
  end
  return sums or { loss = moon.zeros(1), right = moon.zeros(1) }
end

--- The loss and accuracy of a model on a data set, in evaluation; modes and
--- random numbers are as before.
---@param model table
---@param data userdata
---@param metrics table<string, table>|nil  moon.metrics that are shown every
---                                         batch, too
---@return table  loss, accuracy
function M.accuracy(model, data, metrics)
  -- Read inside: errors of in-place ops stay in there, and a sum that a batch
  -- could not be added to does not tell by itself.
  return features.unseen(model, function()
    local sums = add_up(model, data, metrics or {})
    return { loss = sums.loss:item() / #data,
             accuracy = sums.right:item() / #data }
  end)
end

return M
