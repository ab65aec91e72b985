-- What busted runs before the first spec file.
--
-- busted gives every file a fresh package.loaded and remembers ffi.metatype by
-- its first argument, so a binding loaded twice would have classes without
-- methods. Here luv and Moonseed are loaded once, on the main thread, and
-- whatever of Moonseed a file loads later is kept for the files after it.

local kept = {}

--- A package loader for our own modules that loads each of them only once.
---@param name string as given to require
---@return function|string|nil loader, or why it is not ours
local function keep(name)
  if not (name:find "^moonseed" or name:find "^support") then return nil end
  local path, tried = package.searchpath(name, package.path)
  if not path then return tried end
  return function()
    if kept[name] == nil then kept[name] = assert(loadfile(path))(name) end
    return kept[name]
  end
end

table.insert(package.loaders, 2, keep)
require "luv"
require "ffi"
require("support.leaks").watch()
