--- Where a data set's files are: $MOONSEED_DATA, which may be the folder of
--- all data sets or of this one, else where Debian's packages put them.
local M = {}

local function exists(path)
  local file = io.open(path, "rb")
  if file then file:close() end
  return file ~= nil
end

--- Folders where the data set `name` may be, in the order they are tried.
---@param name string
---@return string[]
function M.places(name)
  local own = os.getenv "MOONSEED_DATA"
  if own and own ~= "" then return { own .. "/" .. name, own } end
  return { "/usr/share/datasets/" .. name }
end

--- The path of a file; nil when it is in none of the places.
---@param places string[]
---@param name string
---@return string?
function M.plain(places, name)
  for _, place in ipairs(places) do
    if exists(place .. "/" .. name) then return place .. "/" .. name end
  end
  return nil
end

--- The path of a file of a data set, compressed or not; nil when it is in none
--- of the places.
---@param places string[]
---@param file string its name without ".gz"
---@return string?
function M.find(places, file)
  for _, place in ipairs(places) do
    local path = M.plain({ place }, file .. ".gz") or M.plain({ place }, file)
    if path then return path end
  end
  return nil
end

return M
