-- core/moonseed.h is read by the compiler and by LuaJIT: the latter accepts it
-- without the lines that begin with '#', and every function that it declares
-- is in the library, and the library has no other.

package.path = "scripts/checks/?.lua;" .. package.path
local ffi = require "ffi"
local source = require "source"

local HEADER = "core/moonseed.h"
local report = source.report "header"
local kept = {}
for _, line in ipairs(source.lines(HEADER)) do
  kept[#kept + 1] = line:find "^#" and "" or line
end
local text = table.concat(kept, "\n")

local ok, why = pcall(ffi.cdef, text)
if not ok then report.add(HEADER, 1, "ffi.cdef: %s", why) end

local declared = {}
local code = text:gsub("/%*.-%*/", "")
for name in code:gmatch "([%w_]+)%s*%(" do declared[name] = true end

local library = (os.getenv "BUILD" or "build") .. "/moonseed/libmoonseed.so"
local exported = {}
local list = io.popen("nm -D --defined-only " .. library)
for line in list:lines() do
  local name = line:match " T ([%w_]+)$"
  if name then exported[name] = true end
end
list:close()

for name in pairs(declared) do
  if name:find "^moon_" and not exported[name] then
    report.add(HEADER, 1, "%s is declared, not in %s", name, library)
  end
end
for name in pairs(exported) do
  if not declared[name] then
    report.add(HEADER, 1, "%s is in %s, not declared", name, library)
  end
end
report.finish()
