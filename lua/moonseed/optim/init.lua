--- `moon.optim`: optimisers, each read from its own file when first asked for.
local file = { SGD = "sgd" }

return setmetatable({}, {
  __index = function(optim, name)
    if not file[name] then return nil end
    local value = require("moonseed.optim." .. file[name])
    optim[name] = value
    return value
  end,
})
