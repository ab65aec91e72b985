-- Everything of a host that what goes on beside it must leave as it is, as one
-- string of bytes.

local bits = require "support.bits"
local context = require "moonseed.context"

local M = {}

-- The task's random numbers, and what its children will be given.
local function generator()
  local words, list = context.save_generator(), {}
  for i = 0, 4 do list[i + 1] = tostring(words[i]) end
  return table.concat(list, " ")
end

local function add_tensors(parts, run)
  local state = run.opt:state()
  for name, p in run.model:parameters() do
    local velocity = state["velocity." .. name]
    parts[#parts + 1] = name .. bits.of(p)
    parts[#parts + 1] = p.grad and bits.of(p.grad) or "no gradient"
    parts[#parts + 1] = velocity and bits.of(velocity) or "no velocity"
  end
  for name, b in run.model:buffers() do
    parts[#parts + 1] = name .. bits.of(b)
  end
end

local function add_modes(parts, model)
  parts[#parts + 1] = tostring(model.training)
  for path, module in model:modules() do
    parts[#parts + 1] = ("%s %s"):format(path, tostring(module.training))
  end
end

local function add_seeds(parts, garden)
  for _, seed in ipairs(garden:seeds()) do
    local slot = seed.slot
    parts[#parts + 1] = ("%s %s %.17g %d %d %s %s %s %s"):format(
      tostring(seed), seed:stage(), seed:alpha(), #seed:history(),
      seed:errors(), tostring(seed.failure), tostring(slot.watched),
      tostring(slot.capture), tostring(slot.now))
    local module = seed.incubator and seed.module
    if module then
      for name, p in module:parameters() do
        parts[#parts + 1] = name .. bits.of(p)
      end
    end
  end
end

--- Weights, gradients, velocities, statistics, random numbers, modes, epochs
--- of the data and the seeds' state.
---@param run table  see support.garden
---@return string
function M.bits(run)
  local parts = { generator() }
  add_tensors(parts, run)
  add_modes(parts, run.model)
  add_seeds(parts, run.garden)
  for _, data in ipairs{ run.train, run.valid } do
    for rng_seed, epochs in pairs(data.epochs) do
      parts[#parts + 1] = ("epoch %d of %d"):format(epochs, rng_seed)
    end
  end
  return table.concat(parts, "\n")
end

return M
