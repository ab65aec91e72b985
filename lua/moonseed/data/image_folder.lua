--- Folders of pictures, PNG or JPEG, a folder a class.
local check = require "moonseed.check"
local dataset = require "moonseed.data.dataset"
local file = require "moonseed.file"
local decode = require "moonseed.data.decode"
local Pictures = require "moonseed.data.source.pictures"

local known = { size = check.required, channels = 3, fit = "stretch",
                classes = check.optional }

-- Classes are the folders that were listed, or those that were asked for.
local function classes_of(o, folders)
  if not o.classes then return folders end
  check.table("images", "classes", o.classes)
  local there = {}
  for _, name in ipairs(folders) do there[name] = true end
  for i, name in ipairs(o.classes) do
    if not there[name] then
      check.fail("images", "there is no folder '%s' (class %d) in %s",
                 tostring(name), i, o.path)
    end
  end
  return o.classes
end

-- Names such as "cat/", "cat/1.png" -> folders and files.
local function sort_names(names)
  local folders, files = {}, {}
  for _, name in ipairs(names) do
    local folder = name:match "^(.*)/$"
    if folder then
      folders[#folders + 1] = folder
    else
      files[#files + 1] = name
    end
  end
  table.sort(folders)
  return folders, files
end

-- Paths and labels of the files that lie in a class.
local function label(o, classes, files)
  local id, count, paths, labels = {}, {}, {}, {}
  for i, name in ipairs(classes) do id[name], count[i] = i - 1, 0 end
  for _, name in ipairs(files) do
    local class = id[name:match "^([^/]*)/" or false]
    if class then
      paths[#paths + 1], labels[#labels + 1] = o.path .. "/" .. name, class
      count[class + 1] = count[class + 1] + 1
    end
  end
  for i, n in ipairs(count) do
    if n == 0 then
      check.fail("images", "there are no pictures in %s/%s", o.path,
                 classes[i])
    end
  end
  return paths, labels
end

--- moon.data.images{ folder, size =, channels = 3, fit = "stretch", classes =
--- nil }: a data set of the pictures (PNG, JPEG) in the folders of a folder, at
--- any depth; each folder is a class, in the order of their names, or of
--- `classes`. Pictures that lie in the folder itself are a data set only where
--- it has no folders, and then without targets.
---
--- size: a number or { height, width }; fit: "stretch", or "cover", the largest
--- middle part of these proportions; channels: 3, or 1 for luma. Pictures are
--- decoded by the workers when a batch is made; `cache` keeps them in memory,
--- in u8. One that cannot be read is named in the error of its batch. Suspends
--- the task until the folders are listed.
---@param options table
---@return userdata dataset
return function(options)
  local o = check.options("images", options, { "path" }, known)
  check.text("images", "the folder", o.path)
  local params = decode.params("images", o)
  local folders, files = sort_names(file.pictures(o.path))
  local origin = { "images", o }
  if #folders == 0 and not o.classes then
    if #files == 0 then
      check.fail("images", "there are no pictures in %s", o.path)
    end
    local paths = {}
    for i, name in ipairs(files) do paths[i] = o.path .. "/" .. name end
    return dataset.new{ source = Pictures.new(paths, nil, params),
                        origin = origin }
  end
  local classes = classes_of(o, folders)
  local paths, labels = label(o, classes, files)
  return dataset.new{ source = Pictures.new(paths, labels, params),
                      classes = classes, origin = origin }
end
