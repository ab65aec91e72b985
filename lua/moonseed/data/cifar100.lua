--- CIFAR-100 (Krizhevsky 2009), the binary version: 50,000 and 10,000 pictures,
--- 3 x 32 x 32 in [0, 1], in 100 classes, or in 20 of five of these.
local check = require "moonseed.check"
local cifar = require "moonseed.data.cifar"

local set = {
  op = "cifar100", inside = "cifar-100-binary",
  names = { y = "fine_label_names.txt", coarse = "coarse_label_names.txt" },
  parts = { test = { "test.bin" }, train = { "train.bin" } },
}
local columns = { fine = "y", coarse = "coarse" }

--- moon.data.cifar100{ folder, "train" or "test", label = "fine" or "coarse" }:
--- a data set. The folder is the unpacked archive, or the one that it is in.
--- Suspends the task until the files are open.
---@param options table
---@return userdata dataset
return function(options)
  local o = check.options("cifar100", options, { "folder", "part" },
                          { label = "fine" })
  local column = columns[o.label]
  if not column then
    check.fail("cifar100", 'label is "fine" or "coarse", not %s',
               tostring(o.label))
  end
  return cifar.read(set, o, column)
end
