--- who(): what the session has made, with its size.

local check = require "moonseed.check"
local show = require "moonseed.repl.show"
local tensor = require "moonseed.tensor"
local width = require "moonseed.repl.width"

local M = {}

local function bytes(t)
  return t:numel() * check.dtype_sizes[t:dtype()]
end

local function is_module(value)
  local class = debug.getmetatable(value)
  return type(value) == "table" and type(class) == "table"
    and class.is_module == true
end

local function size_text(n)
  if n < 1024 then return ("%d B"):format(n) end
  local units, i = { "KiB", "MiB", "GiB", "TiB" }, 0
  repeat n, i = n / 1024, i + 1 until n < 1024 or i == #units
  return ("%.1f %s"):format(n, units[i])
end

local function describe_module(value)
  local n, total = 0, 0
  for _, p in value:parameters() do
    n, total = n + p:numel(), total + bytes(p)
  end
  for _, b in value:buffers() do total = total + bytes(b) end
  return debug.getmetatable(value).class_name, n .. " parameters",
    size_text(total)
end

-- Type, shape, bytes.
local function describe(value)
  if tensor.is(value) then
    return value:dtype() .. " tensor", tensor.shape_text(value),
      size_text(bytes(value))
  end
  if is_module(value) then
    local ok, kind, shape, size = pcall(describe_module, value)
    if ok then return kind, shape, size end
  end
  local kind = type(value)
  if kind == "string" then return kind, "", size_text(#value) end
  if kind == "table" then
    local n = 0
    for _ in next, value do n = n + 1 end
    return kind, n .. (n == 1 and " entry" or " entries"), ""
  end
  if kind == "number" or kind == "boolean" then
    return kind, show.text(value), ""
  end
  return kind, "", ""
end

--- Prints a table of the names in `env` that are not in `hidden`.
---@param env table
---@param hidden table<string, boolean>
---@param columns integer  of the window
function M.print(env, hidden, columns)
  local names, rows, widest = {}, {}, { 0, 0, 0, 0 }
  for name in next, env do
    if not hidden[name] and not tostring(name):find "^_%d?$" then
      names[#names + 1] = tostring(name)
    end
  end
  table.sort(names)
  for i, name in ipairs(names) do
    rows[i] = { name, describe(rawget(env, name)) }
    for c, text in ipairs(rows[i]) do
      widest[c] = math.max(widest[c], width.columns(text))
    end
  end
  if #rows == 0 then io.write "no variables yet\n" end
  for _, row in ipairs(rows) do
    local parts = {}
    for c, text in ipairs(row) do
      parts[c] = text .. (" "):rep(widest[c] - width.columns(text))
    end
    io.write(width.fit(table.concat(parts, "  "):gsub(" +$", ""), columns),
             "\n")
  end
end

return M
