--- `moon.optim`: optimisers, schedules of their rate, averages of weights; each
--- read from its own file when first asked for.
local file = { Optimiser = "optimiser", SGD = "sgd", Adam = "adam",
               AdamW = "adamw", RMSprop = "rmsprop", Lion = "lion",
               Muon = "muon", rebuild = "rebuild", schedule = "schedule",
               EMA = "ema" }

return setmetatable({}, {
  __index = function(optim, name)
    if not file[name] then return nil end
    local value = require("moonseed.optim." .. file[name])
    optim[name] = value
    return value
  end,
})
