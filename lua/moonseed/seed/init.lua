--- Growth: slots, seeds, and those who decide about them.
--
-- A name is its file here: seed.Slot is seed/slot.lua; but seed.cost is
-- nn/cost.lua. Reading a name loads it.

local files = {
  Slot = "slot", Garden = "garden", Governor = "governor",
  blueprint = "blueprint", contribution = "contribution",
  stages = "stage", schedule = "schedule", gates = "gate", text = "text",
  lanes = "lanes", tournament = "tournament", explore = "explore",
  evaluate = "evaluation",
}

local elsewhere = { cost = "moonseed.nn.cost" }

return setmetatable({}, {
  __index = function(seed, name)
    local module = elsewhere[name]
      or files[name] and "moonseed.seed." .. files[name]
    if not module then return nil end
    local value = require(module)
    rawset(seed, name, value)
    return value
  end,
})
