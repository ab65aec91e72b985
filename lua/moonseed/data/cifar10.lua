--- CIFAR-10 (Krizhevsky 2009), the binary version: 50,000 and 10,000 pictures,
--- 3 x 32 x 32 in [0, 1], in ten classes.
local check = require "moonseed.check"
local cifar = require "moonseed.data.cifar"

local set = {
  op = "cifar10", inside = "cifar-10-batches-bin",
  parts = { test = { "test_batch.bin" }, train = {} },
  classes = { "airplane", "automobile", "bird", "cat", "deer", "dog", "frog",
              "horse", "ship", "truck" },
}
for i = 1, 5 do set.parts.train[i] = ("data_batch_%d.bin"):format(i) end

--- moon.data.cifar10{ folder, "train" or "test" }: a data set; `classes` names
--- its labels. The folder is the unpacked archive, or the one that it is in.
--- Suspends the task until the files are open.
---@param options table
---@return userdata dataset
return function(options)
  local o = check.options("cifar10", options, { "folder", "part" }, {})
  return cifar.read(set, o, "y")
end
