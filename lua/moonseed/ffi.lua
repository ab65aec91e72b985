--- The C core as LuaJIT sees it: declarations, library, libuv.
--
-- core/moonseed.h is the only description of the core. It is read here as it
-- is for the compiler, less the lines that begin with '#'.

require "moonseed.iterate"
local ffi = require "ffi"
-- First loaded inside a coroutine, luv crashes when that is collected. So load
-- moonseed, which loads luv, from the main chunk.
local uv = require "luv"

local M = { ffi = ffi, uv = uv }

local here = debug.getinfo(1, "S").source:match "^@(.*)ffi%.lua$" or "./"

--- Folder of the Lua files, as it stands in the sources of functions.
M.folder = here

local function read_file(path)
  local file = io.open(path, "r")
  if not file then return nil end
  local text = file:read "*a"
  file:close()
  return text
end

-- Installed, the header lies beside this file; in the source tree, in core/.
local function header()
  local places = { here .. "moonseed.h", here .. "../../core/moonseed.h" }
  for _, place in ipairs(places) do
    local text = read_file(place)
    if text then return text, place end
  end
  error("moonseed: no header at " .. table.concat(places, " or "), 0)
end

local function library()
  local name = "moonseed.libmoonseed"
  local path, tried = package.searchpath(name, package.cpath)
  if not path then
    error("moonseed: the library is not built (run make build), or not on "
          .. "LUA_CPATH; looked at" .. tried, 0)
  end
  return ffi.load(path), path
end

local function load_core()
  local text, place = header()
  local declarations = ("\n" .. text):gsub("\n#[^\n]*", "\n")
  ffi.cdef(declarations)
  local C, path = library()
  local built, declared = C.moon_abi(), tonumber(C.MOON_ABI)
  if built ~= declared then
    error(("moonseed: %s has ABI %d, %s declares %d; run make"):format(
      path, built, place, declared), 0)
  end
  return C, path
end

--- The library's name space: functions `moon_*`, constants `MOON_*`.
M.C, M.path = load_core()

--- As ffi.new, for arrays of variable length. LuaJIT 2.1.0-beta3 corrupts its
--- heap when it leaves a trace that made one (the allocation was put off, and
--- is made up for in a wrong size); so the interpreter makes them. What every
--- call needs has a fixed size instead, see M.extents.
---@param ctype string  "double[?]"
---@param n integer
---@param ... any       the first elements, as for ffi.new
---@return userdata
function M.array(ctype, n, ...) return ffi.new(ctype, n, ...) end
jit.off(M.array)

local MAX_DIMS = tonumber(M.C.MOON_MAX_DIMS)

--- Room for a shape, and for a list of dimensions.
M.extents = ffi.typeof(("int64_t[%d]"):format(MAX_DIMS))
M.dims = ffi.typeof(("int32_t[%d]"):format(MAX_DIMS))

return M
