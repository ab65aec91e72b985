-- Files for specs: a folder that goes when the spec is over, bytes in and out.

local uv = require "luv"

local M = {}

--- A fresh folder and a function that removes it and what is in it.
---@return string folder
---@return fun() remove
function M.folder()
  local folder = assert(uv.fs_mkdtemp(
    (os.getenv "TMPDIR" or "/tmp") .. "/moonseed-XXXXXX"))
  return folder, function()
    for _, name in ipairs(M.names(folder)) do
      os.remove(folder .. "/" .. name)
    end
    os.remove(folder)
  end
end

---@param folder string
---@return string[] names in it, sorted
function M.names(folder)
  local names, entries = {}, assert(uv.fs_scandir(folder))
  for name in uv.fs_scandir_next, entries do names[#names + 1] = name end
  table.sort(names)
  return names
end

---@param path string
---@param bytes string
---@return string path
function M.write(path, bytes)
  local file = assert(io.open(path, "wb"))
  file:write(bytes)
  file:close()
  return path
end

---@param path string
---@return string bytes
function M.read(path)
  local file = assert(io.open(path, "rb"))
  local bytes = file:read "*a"
  file:close()
  return bytes
end

return M
