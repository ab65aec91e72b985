--- Characters of UTF-8 text, and how many columns of a terminal they take.

local ffi = require "ffi"

ffi.cdef [[
int wcwidth(int character);
char *setlocale(int category, const char *name);
]]

local M = {}

local LC_CTYPE = 0
local ready = false

-- wcwidth answers for the characters of the process's locale.
local function prepare()
  if not ready then ffi.C.setlocale(LC_CTYPE, "C.UTF-8") end
  ready = true
end

--- Bytes of the character that begins at byte `i`; 1 for what is no UTF-8.
---@param text string
---@param i integer  from 1
---@return integer
function M.length(text, i)
  local n = M.expected(text:byte(i))
  if n == 1 or i + n - 1 > #text then return 1 end
  for k = i + 1, i + n - 1 do
    local b = text:byte(k)
    if b < 0x80 or b >= 0xC0 then return 1 end
  end
  return n
end

--- Bytes that a character has by its first one.
---@param byte integer
---@return integer
function M.expected(byte)
  if byte >= 0xF0 and byte < 0xF8 then return 4 end
  if byte >= 0xE0 and byte < 0xF0 then return 3 end
  if byte >= 0xC2 and byte < 0xE0 then return 2 end
  return 1
end

local lead = { [2] = 0x1F, [3] = 0x0F, [4] = 0x07 }

local function code(text, i, n)
  local value = text:byte(i) % (lead[n] + 1)
  for k = i + 1, i + n - 1 do value = value * 64 + text:byte(k) % 64 end
  return value
end

--- How the character at byte `i` is shown, its columns, its bytes. Control
--- characters are shown as ^X, what is no UTF-8 as a question mark.
---@param text string
---@param i integer  from 1
---@return string, integer, integer
function M.shown(text, i)
  prepare()
  local byte, n = text:byte(i), M.length(text, i)
  if n > 1 then
    local columns = ffi.C.wcwidth(code(text, i, n))
    if columns < 0 then return "?", 1, n end
    return text:sub(i, i + n - 1), columns, n
  end
  if byte < 32 or byte == 127 then
    return "^" .. string.char((byte + 64) % 128), 2, 1
  end
  if byte >= 0x80 then return "?", 1, 1 end
  return string.char(byte), 1, 1
end

--- Columns that a text takes; escape sequences of colours take none.
---@param text string
---@return integer
function M.columns(text)
  text = text:gsub("\27%[[%d;]*m", "")
  local i, total = 1, 0
  while i <= #text do
    local _, columns, n = M.shown(text, i)
    total, i = total + columns, i + n
  end
  return total
end

--- As much of the text as fits; what is cut ends in "...". Of a text with
--- colours, which must end them, none is cut within its escapes.
---@param text string
---@param columns integer
---@return string
function M.fit(text, columns)
  if M.columns(text) <= columns then return text end
  text = text:gsub("\27%[[%d;]*m", "")
  local mark = columns > 3 and "..." or ""
  local i, total, parts = 1, #mark, {}
  while i <= #text do
    local shown, wide, n = M.shown(text, i)
    if total + wide > columns then break end
    parts[#parts + 1] = shown
    total, i = total + wide, i + n
  end
  return table.concat(parts) .. mark
end

local function indent_of(row, columns)
  local n = #(row:match "^  %S+ +" or row:match "^ *")
  return (" "):rep(n <= columns / 2 and n or 4)
end

-- One row as several; the last may have room left.
local function break_row(rows, row, columns)
  local indent = indent_of(row, columns)
  while M.columns(row) > columns do
    local head, rest = row:sub(1, columns + 1):match "^(.*%S) +()"
    if not head or #head <= #indent then break end
    rows[#rows + 1] = head
    row = indent .. row:sub(rest):gsub("^ +", "")
  end
  rows[#rows + 1] = row
end

--- The text with its rows broken between words where they are too long; what
--- goes on is indented as the row was, or, in a list, as what is beside the
--- name. Rows without an indent that follow each other are one paragraph.
---@param text string
---@param columns integer
---@return string
function M.wrap(text, columns)
  local rows, broken = {}, false
  for row in (text .. "\n"):gmatch "([^\n]*)\n" do
    if broken and row:find "^%S" then
      row = table.remove(rows) .. " " .. row
    end
    local n = #rows
    break_row(rows, row, columns)
    broken = #rows > n + 1 and row:find "^%S" ~= nil
  end
  return table.concat(rows, "\n")
end

--- Whether the terminal is said to show UTF-8.
---@return boolean
function M.is_utf8()
  for _, name in ipairs{ "LC_ALL", "LC_CTYPE", "LANG" } do
    local value = os.getenv(name)
    if value and value ~= "" then
      return value:lower():find "utf%-?8" ~= nil
    end
  end
  return false
end

return M
