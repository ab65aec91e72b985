--- What a record says of a garden's seeds: scalars named after the seed,
--- written when they have changed.
--
--   alpha/early/1           share of the blend, from BLENDING on
--   contribution/early/1    share of correct images, measured on valid
--   improvement/early/1     over a bare head, while it incubates
--   gradient_ratio/early/1  seed / host, while it incubates
--   parameters/early/1, flops/early/1   what was planted costs

local cost = require "moonseed.nn.cost"
local stage = require "moonseed.seed.stage"

local measured = { "contribution", "improvement", "gradient_ratio" }

-- A curve has a corner where it begins to move: the value before is repeated.
local function write(record, seen, name, step, value)
  local last = seen[name]
  if last and last.value == value then
    last.step, last.rests = step, true
    return
  end
  if last and last.rests then record:scalar(name, last.step, last.value) end
  record:scalar(name, step, value)
  seen[name] = { value = value, step = step }
end

local function costs(record, seen, seed, title, step)
  if seen[seed] == seed.planted then return end
  seen[seed] = seed.planted
  local found = cost.of(seed.module, seed.shape)
  record:scalar("parameters/" .. title, step, found.parameters)
  record:scalar("flops/" .. title, step, found.flops)
end

--- Writes what has changed since the last call with this `seen`.
---@param record table
---@param garden table
---@param seen table  empty at first
return function(record, garden, seen)
  for _, seed in ipairs(garden:seeds()) do
    local title = seed.slot.name .. "/" .. seed.index
    local name, step = seed:stage(), garden.steps
    if seed.module and seed.planted then
      costs(record, seen, seed, title, step)
      for _, what in ipairs(measured) do
        if seed[what] then
          write(record, seen, what .. "/" .. title, step, seed[what])
        end
      end
    end
    local alpha = "alpha/" .. title
    if stage.is_blended(name) or seen[alpha] then
      write(record, seen, alpha, step,
            stage.is_blended(name) and seed:alpha() or 0)
    end
  end
end
