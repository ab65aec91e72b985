-- Files of at most 400 lines, lines of at most 80 columns, functions of at most
-- 60 lines and six parameters. Run from the root by scripts/checks/lint.

package.path = "scripts/checks/?.lua;" .. package.path
local source = require "source"
local util = require "jit.util"

local MOST_LINES, MOST_COLUMNS = 400, 80
local MOST_FUNCTION, MOST_PARAMETERS = 60, 6

local SOURCES = { "c", "h", "cu", "cc", "lua", "py" }

-- Numbers that PyTorch computed, one case a line.
local DATA = "^spec/golden/.*%.lua$"
-- Made from the sources, a declaration after the other.
local TYPES = "lua/moonseed/types.lua"
-- One text by design; its entry points take tensors and sizes one by one.
local HEADER = "core/moonseed.h"

local report = source.report "sizes"

local function columns(line)
  local _, characters = line:gsub("[^\128-\191]", "")
  return characters
end

local function check_lines(path, lines)
  if #lines > MOST_LINES and path ~= HEADER then
    report.add(path, #lines, "%d lines, at most %d", #lines, MOST_LINES)
  end
  for number, line in ipairs(lines) do
    if columns(line) > MOST_COLUMNS then
      report.add(path, number, "%d columns, at most %d", columns(line),
        MOST_COLUMNS)
    end
    if line:find "%s$" then report.add(path, number, "space at the end") end
    if line:find "\t" then report.add(path, number, "a tab") end
  end
end

local function check_function(path, line, length, parameters)
  if length > MOST_FUNCTION then
    report.add(path, line, "a function of %d lines, at most %d", length,
      MOST_FUNCTION)
  end
  if parameters > MOST_PARAMETERS then
    report.add(path, line, "a function of %d parameters, at most %d",
      parameters, MOST_PARAMETERS)
  end
end

local function count_parameters(head)
  local list = head:match "%b()"
  local inner = list and list:sub(2, -2):gsub("%b()", "") or ""
  if inner == "" or inner == "void" then return 0 end
  return 1 + select(2, inner:gsub(",", ""))
end

-- In our layout a C function's head begins in the first column and its end is
-- a brace there; a brace after '=' or without parentheses begins data.
local function check_c(path, lines)
  local first, head
  for number, line in ipairs(lines) do
    if not first and line:find "^[%a_]" and not line:find "^typedef" then
      first, head = number, ""
    end
    if first and head then
      head = head .. " " .. line
      if line:find "[;}]%s*$" then
        first = nil
      elseif line:find "{%s*$" then
        local is_function = head:find "%(" and not head:find "="
          and not head:find "^ enum" and not head:find "^ struct%s+[%w_]+%s*{"
        if not is_function then first = nil end
        if first and not head:find "[ *]moon_%l" then
          check_function(path, first, 0, count_parameters(head))
        end
        head = nil
      end
    elseif first and line:find "^}" then
      check_function(path, first, number - first + 1, 0)
      first = nil
    end
  end
end

local function check_lua_function(path, prototype, is_main)
  local info = util.funcinfo(prototype)
  if not is_main then
    check_function(path, info.linedefined,
      info.lastlinedefined - info.linedefined + 1, info.params)
  end
  for k = -1, -info.gcconsts, -1 do
    local constant = util.funck(prototype, k)
    if type(constant) == "proto" then
      check_lua_function(path, constant, false)
    end
  end
end

local folders = { "core", "kernels", "lua", "scripts", "spec" }
for _, path in ipairs(source.files(folders, SOURCES)) do
  local lines = source.lines(path)
  if not path:find(DATA) and path ~= TYPES then check_lines(path, lines) end
  if path:find "%.[ch]$" then check_c(path, lines) end
  -- A spec's describe is a list of facts, not a function.
  if path:find "%.lua$" and not path:find "^spec/" then
    check_lua_function(path, assert(loadfile(path)), true)
  end
end
report.finish()
