--- Pictures in files, decoded when they are asked for.
local moon = require "moonseed"
local decode = require "moonseed.data.decode"
local rows = require "moonseed.data.rows"
local source = require "moonseed.data.source"

local Pictures = source.class()

---@param paths string[]
---@param labels integer[]|nil  class ids
---@param params userdata       moon_pictures_params
---@return table source
function Pictures.new(paths, labels, params)
  return setmetatable({
    paths = paths, labels = labels, params = params, n = #paths,
    on_host = true, labelled = labels ~= nil,
    shape = ("%dx%dx%d"):format(params.channels, tonumber(params.size[0]),
                                tonumber(params.size[1])),
  }, Pictures)
end

--- The examples of these rows, as they are kept.
---@param pick table
---@return userdata x
---@return userdata? y
function Pictures:raw(pick)
  local paths = {}
  for i, row in ipairs(rows.list(pick)) do paths[i] = self.paths[row + 1] end
  return decode.files(paths, self.params), self:targets(pick)
end

--- Their targets alone.
---@param pick table
---@return userdata?
function Pictures:targets(pick)
  if not self.labels then return nil end
  local labels = {}
  for i, row in ipairs(rows.list(pick)) do labels[i] = self.labels[row + 1] end
  return moon.tensor(labels, { dtype = "i64" })
end

return Pictures
