--- `moon.models`: networks that are known by name, each a function in its own
--- file, read when first asked for:
--
--   local model = moon.models.resnet18{ 10 }
local file = { lenet = "lenet", resnet9 = "resnet9", resnet18 = "resnet18",
               vit = "vit" }

return setmetatable({}, {
  __index = function(models, name)
    if not file[name] then return nil end
    local value = require("moonseed.models." .. file[name])
    models[name] = value
    return value
  end,
})
