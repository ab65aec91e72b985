-- Writes docs/reference.md and lua/moonseed/types.lua from the comments of the
-- sources, and README.md's table of operations from what they do; run it from
-- the root, with the library built:
--
--   luajit scripts/docs/generate.lua           writes them
--   luajit scripts/docs/generate.lua --check   says whether they are current
--
-- Either way it complains about what a user can reach and nobody describes.

package.path = "lua/?.lua;lua/?/init.lua;scripts/docs/?.lua;"
  .. "scripts/checks/?.lua;" .. package.path
package.cpath = (os.getenv "BUILD" or "build") .. "/?.so;" .. package.cpath

local complete = require "complete"
local operations = require "operations"
local reference = require "reference"
local source = require "source"
local surface = require "surface"
local types = require "types"

local report = source.report "docs"
local checking = arg[1] == "--check"

local function read(path)
  local file = io.open(path, "rb")
  if not file then return nil end
  local text = file:read "*a"
  file:close()
  return text
end

local function give(path, text)
  if read(path) == text then return end
  if checking then
    report.add(path, 1, "is not current: run luajit scripts/docs/generate.lua")
    return
  end
  local file = assert(io.open(path, "wb"))
  file:write(text)
  file:close()
  print("wrote " .. path)
end

-- A page with its table in the place of the one between the two lines.
local function with_table(path, lines)
  local first = "<!-- Made by scripts/docs/generate.lua: -->\n"
  local page = read(path)
  local _, from = page:find(first, 1, true)
  local to = from and page:find("<!-- end of what is made -->", from, true)
  if not to then
    report.add(path, 1, "no place for the table of operations")
    return page
  end
  return page:sub(1, from) .. "\n" .. lines .. "\n" .. page:sub(to)
end

local sections = surface.sections(report)
complete.check(sections, report)
give("docs/reference.md", reference.page(sections))
give(surface.TYPES, types.file(sections))
give("README.md", with_table("README.md", operations.table(report)))
report.finish()
