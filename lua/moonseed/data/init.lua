--- `moon.data`: data sets, each reader from its own file when first asked for.
local file = {
  fashion_mnist = "fashion_mnist", cifar10 = "cifar10", cifar100 = "cifar100",
  digits = "digits", images = "image_folder", csv = "csv", tensors = "tensors",
  from = "from", idx = "idx", folder = "folder", augment = "augment",
  pictures = "pictures",
}

return setmetatable({}, {
  __index = function(data, name)
    if not file[name] then return nil end
    local value = require("moonseed.data." .. file[name])
    data[name] = value
    return value
  end,
})
