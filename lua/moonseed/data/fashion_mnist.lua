--- Fashion-MNIST (Xiao et al. 2017): 60,000 and 10,000 images of clothes,
--- 1 x 28 x 28 in [0, 1], in ten classes.
local check = require "moonseed.check"
local dataset = require "moonseed.data.dataset"
local folder = require "moonseed.data.folder"
local idx = require "moonseed.data.idx"

local prefix = { train = "train", test = "t10k" }
local classes = { "T-shirt/top", "trouser", "pullover", "dress", "coat",
                  "sandal", "shirt", "sneaker", "bag", "ankle boot" }

local function find(places, file)
  local path = folder.find(places, file)
  if path then return path end
  check.fail("fashion_mnist", "there is no %s.gz in %s; install Debian's "
             .. "dataset-fashion-mnist, or set MOONSEED_DATA", file,
             table.concat(places, " or "))
end

--- moon.data.fashion_mnist{ "train" or "test", folder = ... }: a data set;
--- `classes` names its labels. Suspends the task until the files are open.
---@param options table
---@return userdata dataset
return function(options)
  local o = check.options("fashion_mnist", options, { "part" },
                          { folder = check.optional })
  local name = prefix[o.part]
  if not name then
    check.fail("fashion_mnist", 'the part is "train" or "test", not %s',
               tostring(o.part))
  end
  local places = o.folder and { o.folder } or folder.places "fashion-mnist"
  local images = find(places, name .. "-images-idx3-ubyte")
  local labels = find(places, name .. "-labels-idx1-ubyte")
  local x, y = idx(images), idx(labels)
  local n = x:size(1)
  if #x:shape() ~= 3 or #y:shape() ~= 1 or y:size(1) ~= n then
    check.fail("fashion_mnist", "%s is %s, %s is %s", images,
               table.concat(x:shape(), "x"), labels,
               table.concat(y:shape(), "x"))
  end
  return dataset.of(x:view(n, 1, x:size(2), x:size(3)), y:to "i64", {
    classes = classes,
    origin = { "fashion_mnist", { o.part, folder = o.folder } },
  })
end
