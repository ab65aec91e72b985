--- Values as text for people, bounded: the first entries of a table, the edge
--- of a tensor, the beginning of a string.

local print = require "moonseed.print"
local tensor = require "moonseed.tensor"
local width = require "moonseed.repl.width"

local M = {}

local MOST_ENTRIES, MOST_DEPTH = 40, 4
local MOST_STRING = 2000  -- bytes; a tenth of it inside a table
local MOST_ROWS = 40      -- of a tensor, or of an object's own text

local function cut_rows(text)
  local rows = {}
  for row in (text .. "\n"):gmatch "([^\n]*)\n" do rows[#rows + 1] = row end
  if #rows <= MOST_ROWS then return text end
  local half = MOST_ROWS / 2
  local parts = { table.concat(rows, "\n", 1, half),
                  ("... %d rows more ..."):format(#rows - MOST_ROWS),
                  table.concat(rows, "\n", #rows - half + 1) }
  return table.concat(parts, "\n")
end

local function quoted(text, most)
  local note = ""
  if #text > most then
    note = (" ... %d bytes"):format(#text)
    text = text:sub(1, most)
  end
  local escaped = text:gsub("[%c\"\\]", function(c)
    if c == "\n" then return "\\n" end
    if c == "\t" then return "\\t" end
    if c == '"' or c == "\\" then return "\\" .. c end
    return ("\\%d"):format(c:byte())
  end)
  return '"' .. escaped .. '"' .. note
end

local function number(value)
  if value % 1 == 0 and math.abs(value) < 2 ^ 53 then
    return ("%.0f"):format(value)
  end
  return ("%.14g"):format(value)
end

local function place(fn)
  local info = debug.getinfo(fn, "S")
  if info.what == "C" then return "function (built in)" end
  return ("function (%s:%d)"):format(info.short_src, info.linedefined)
end

--- A tensor without its values: "tensor 2x3 f32 cpu".
---@param t userdata
---@return string
function M.tensor(t)
  return ("tensor %s %s %s"):format(tensor.shape_text(t), t:dtype(),
                                    t:device())
end

local function own_text(value)
  local meta = debug.getmetatable(value)
  if type(meta) == "table" and meta.__tostring then
    local ok, text = pcall(tostring, value)
    return ok and tostring(text) or "(__tostring failed: " .. tostring(text)
      .. ")"
  end
end

-- --- tables ----------------------------------------------------------------

local function order(a, b)
  local ka, kb = type(a), type(b)
  if ka ~= kb then return ka < kb end
  if ka == "number" or ka == "string" then return a < b end
  return tostring(a) < tostring(b)
end

-- The keys behind the list part, sorted; and the length of the list part.
local function keys_of(value)
  local n, keys = 0, {}
  while rawget(value, n + 1) ~= nil do n = n + 1 end
  for key in next, value do
    local in_list = type(key) == "number" and key >= 1 and key <= n
      and key % 1 == 0
    if not in_list then keys[#keys + 1] = key end
  end
  table.sort(keys, order)
  return keys, n
end

local function key_text(key)
  if type(key) == "string" and key:find "^[%a_][%w_]*$" then return key end
  if type(key) == "string" then return "[" .. quoted(key, 40) .. "]" end
  return "[" .. (type(key) == "number" and number(key) or tostring(key)) .. "]"
end

local inner

local function parts_of(value, depth, seen)
  local keys, n = keys_of(value)
  local parts = {}
  for i = 1, math.min(n, MOST_ENTRIES) do
    parts[i] = inner(rawget(value, i), depth + 1, seen)
  end
  for i = 1, math.min(#keys, MOST_ENTRIES - #parts) do
    parts[#parts + 1] = key_text(keys[i]) .. " = "
      .. inner(rawget(value, keys[i]), depth + 1, seen)
  end
  local left = n + #keys - #parts
  if left > 0 then parts[#parts + 1] = ("... %d more"):format(left) end
  return parts
end

local function table_text(value, depth, seen)
  if next(value) == nil then return "{}" end
  if depth > MOST_DEPTH then return "{ ... }" end
  if seen[value] then return "(the table itself)" end
  seen[value] = true
  local parts = parts_of(value, depth, seen)
  seen[value] = nil
  local one = "{ " .. table.concat(parts, ", ") .. " }"
  local indent = ("  "):rep(depth)
  if not one:find "\n" and width.columns(one) + #indent <= M.columns - 4 then
    return one
  end
  return "{\n" .. indent .. "  "
    .. table.concat(parts, ",\n" .. indent .. "  ") .. "\n" .. indent .. "}"
end

--- Columns that a table may take on one row.
M.columns = 80

function inner(value, depth, seen)
  local kind = type(value)
  if kind == "string" then return quoted(value, MOST_STRING / 10) end
  if kind == "number" then return number(value) end
  if kind == "function" then return place(value) end
  if tensor.is(value) then return M.tensor(value) end
  local text = (kind == "table" or kind == "userdata") and own_text(value)
  if text then
    local first, more = text:match "^([^\n]*)(\n?)"
    return first .. (more ~= "" and " ..." or "")
  end
  if kind == "table" then return table_text(value, depth, seen) end
  return tostring(value)
end

--- A value as text, over as many rows as it needs. Waits for a tensor.
---@param value any
---@return string
function M.text(value)
  if type(value) == "string" then return quoted(value, MOST_STRING) end
  if tensor.is(value) then return cut_rows(print.text(value)) end
  local text = type(value) == "table" and own_text(value)
  if text then return cut_rows(text) end
  return inner(value, 0, {})
end

return M
