--- `moon.data`: data sets, each reader from its own file when first asked for.
local file = {
  fashion_mnist = "fashion_mnist", tensors = "tensors", csv = "csv",
  idx = "idx", folder = "folder", cifar10 = "cifar10", cifar100 = "cifar100",
  digits = "digits", augment = "augment",
}

return setmetatable({}, {
  __index = function(data, name)
    if not file[name] then return nil end
    local value = require("moonseed.data." .. file[name])
    data[name] = value
    return value
  end,
})
