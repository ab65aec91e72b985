--- What CIFAR-10 and CIFAR-100 share: the folder, its files, x and y.
local check = require "moonseed.check"
local dataset = require "moonseed.data.dataset"
local file = require "moonseed.file"
local folder = require "moonseed.data.folder"
local moon = require "moonseed"

local M = {}

local function find(op, places, name)
  local path = folder.plain(places, name)
  if path then return path end
  check.fail(op, "there is no %s in %s; get the binary version from "
             .. "cs.toronto.edu/~kriz/cifar.html and unpack it", name,
             table.concat(places, " or "))
end

-- The lines of a file, if it is there.
local function names_in(places, name)
  local path, list = folder.plain(places, name), {}
  if not path then return nil end
  for line in io.lines(path) do
    if line ~= "" then list[#list + 1] = line end
  end
  return list
end

--- Reads the files of a part; suspends the task until they are open.
---@param set table    op, inside (the folder in the archive), parts (files by
---                    part), classes, or names (their file, by column)
---@param o table      folder, part
---@param label string which column y is
---@return userdata dataset
function M.read(set, o, label)
  check.text(set.op, "the folder", o.folder)
  local names = set.parts[o.part]
  if not names then
    check.fail(set.op, 'the part is "train" or "test", not %s',
               tostring(o.part))
  end
  local places = { o.folder, o.folder .. "/" .. set.inside }
  local paths, x, y = {}, {}, {}
  for i, name in ipairs(names) do paths[i] = find(set.op, places, name) end
  for i, path in ipairs(paths) do
    local columns = file.read(path, set.op)
    x[i], y[i] = columns.x, columns[label]
  end
  local all = #x == 1 and x[1] or moon.cat(x, 1)
  return dataset.of(all, moon.cat(y, 1):to "i64", {
    classes = set.classes or names_in(places, set.names[label]),
    origin = { set.op, { o.folder, o.part, label = o.label } },
  })
end

return M
