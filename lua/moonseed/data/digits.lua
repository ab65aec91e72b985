--- The 8x8 digits (Alpaydin and Kaynak 1998; the test part of UCI's optical
--- recognition of handwritten digits, as scikit-learn has it): 1,797 images,
--- 1 x 8 x 8 in [0, 1], in ten classes.
local check = require "moonseed.check"
local csv = require "moonseed.data.csv"
local dataset = require "moonseed.data.dataset"
local folder = require "moonseed.data.folder"

local SKLEARN = "/usr/lib/python3/dist-packages/sklearn/datasets/data"
local SIDE, MOST = 8, 16  -- pixels; the largest number of one

--- moon.data.digits{ folder = ... }: a data set. Suspends the task until the
--- file is read.
---@param options table|nil
---@return userdata dataset
return function(options)
  local o = check.options("digits", options, {}, { folder = check.optional })
  local places = o.folder and { o.folder } or folder.places "digits"
  if not o.folder then places[#places + 1] = SKLEARN end
  local path = folder.find(places, "digits.csv")
  if not path then
    check.fail("digits", "there is no digits.csv.gz in %s; install Debian's "
               .. "python3-sklearn, or set MOONSEED_DATA",
               table.concat(places, " or "))
  end
  local label = SIDE * SIDE + 1
  local rows = csv{ path, label = label, header = false }
  if rows.x:size(2) ~= label - 1 then
    check.fail("digits", "%s has %d columns, %d needed", path,
               rows.x:size(2) + 1, label)
  end
  local x = rows.x:reshape(-1, 1, SIDE, SIDE) / MOST
  return dataset.of(x, rows.y, {
    classes = { "0", "1", "2", "3", "4", "5", "6", "7", "8", "9" },
    origin = { "digits", { folder = o.folder } },
  })
end
