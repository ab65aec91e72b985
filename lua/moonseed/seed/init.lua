--- Growth: slots, seeds, and those who decide about them.
--
-- A name is its file here: seed.Slot is seed/slot.lua. Reading a name loads it.

local files = {
  Slot = "slot", Garden = "garden", Governor = "governor",
  blueprint = "blueprint", cost = "cost", contribution = "contribution",
  stages = "stage", schedule = "schedule", gates = "gate", text = "text",
  lanes = "lanes", tournament = "tournament", explore = "explore",
  evaluate = "evaluation",
}

return setmetatable({}, {
  __index = function(seed, name)
    local file = files[name]
    if not file then return nil end
    local value = require("moonseed.seed." .. file)
    rawset(seed, name, value)
    return value
  end,
})
