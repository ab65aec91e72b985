--- Plain tables as Lua text, with exact numbers and keys in order.

local M = {}

local function key_text(key)
  if type(key) == "string" and key:find "^[%a_][%w_]*$" then return key end
  return ("[%s]"):format(type(key) == "string" and ("%q"):format(key)
                         or ("%.17g"):format(key))
end

local function order(a, b)
  if type(a) ~= type(b) then return type(a) == "number" end
  return a < b
end

local function value_text(value, indent)
  if type(value) == "string" then return ("%q"):format(value) end
  if type(value) ~= "table" then
    return type(value) == "number" and ("%.17g"):format(value)
      or tostring(value)
  end
  return M.of(value, indent)
end

--- Lua text that gives the table again.
---@param t table  of numbers, strings, booleans and such tables
---@param indent string|nil
---@return string
function M.of(t, indent)
  local deeper = (indent or "") .. "  "
  local keys, lines = {}, {}
  for key in pairs(t) do keys[#keys + 1] = key end
  if #keys == 0 then return "{}" end
  table.sort(keys, order)
  for i, key in ipairs(keys) do
    local name = key == i and "" or key_text(key) .. " = "
    lines[i] = deeper .. name .. value_text(t[key], deeper) .. ","
  end
  return ("{\n%s\n%s}"):format(table.concat(lines, "\n"), indent or "")
end

return M
