--- Plain tables as strings and back: what crosses to a policy's thread, and
--- what a checkpoint keeps of it.
--
--   true, false   t f                number   n<%.17g>;   (nan, inf, -inf too)
--   string        s<length>:<bytes>  table    {<key><value>...}
--
-- Numbers come back exactly. Keys are numbers, ascending, then strings by
-- their bytes, so equal tables give equal strings. Decoding runs no code.
-- Uses nothing of moonseed: both threads load it.

local M = {}

-- LuaJIT 2.1.0-beta3 compiles this recursion wrongly: now and then an encoding
-- returned early, without an error. The interpreter runs it.
jit.off(true, true)

local MOST_DEPTH = 100

local function number_text(value)
  if value ~= value then return "nan" end
  return ("%.17g"):format(value)
end

local function key_order(a, b)
  local type_a, type_b = type(a), type(b)
  if type_a ~= type_b then return type_a < type_b end
  return a < b
end

--- The keys of a plain table in the order they are written: numbers, then
--- strings.
---@param t table
---@param path string  what to call the table in an error
---@return table
function M.keys(t, path)
  local keys, n, sorted = {}, 0, true
  for key in next, t do
    if type(key) ~= "string" and type(key) ~= "number" then
      error(("%s has a key that is a %s; keys are strings and numbers"):format(
        path, type(key)), 0)
    end
    sorted = sorted and (n == 0 or key_order(keys[n], key))
    n = n + 1
    keys[n] = key
  end
  if not sorted then table.sort(keys, key_order) end  -- lists are
  return keys
end

local put

local texts = setmetatable({}, { __mode = "k" })  -- of tables that are frozen

local STRIDE = 500  -- pieces of text from a rest to the next

-- Now and then lets others have the thread.
local function rest(out)
  if #out < out.due then return end
  out.due = #out + STRIDE
  out.rest()
end

local function put_table(out, t, path, depth)
  if depth > MOST_DEPTH then
    error(("%s is more than %d tables deep, or a table inside itself"):format(
      path:sub(1, 60), MOST_DEPTH), 0)
  end
  out[#out + 1] = "{"
  for _, key in ipairs(M.keys(t, path)) do
    put(out, key, path, depth)
    put(out, t[key], path .. "." .. tostring(key), depth + 1)
    if out.rest then rest(out) end
  end
  out[#out + 1] = "}"
end

put = function(out, value, path, depth)
  local kind = type(value)
  if kind == "number" then
    out[#out + 1] = "n" .. number_text(value) .. ";"
  elseif kind == "string" then
    out[#out + 1] = "s" .. #value .. ":" .. value
  elseif kind == "boolean" then
    out[#out + 1] = value and "t" or "f"
  elseif kind == "table" then
    if texts[value] then
      out[#out + 1] = texts[value]
    else
      put_table(out, value, path, depth)
    end
  else
    error(("%s is a %s; expected numbers, strings, booleans and tables of "
           .. "them"):format(path, kind), 0)
  end
end

--- A plain value (numbers, strings, booleans, tables of them) as a string.
---@param value any
---@param name string|nil  what to call it in an error
---@param give_way function|nil  called now and then; the value must not change
---                              meanwhile
---@return string
function M.encode(value, name, give_way)
  local out = { rest = give_way, due = STRIDE }
  put(out, value, name or "the value", 1)
  return table.concat(out)
end

local function copy(value, depth)
  if type(value) ~= "table" or texts[value] or depth > MOST_DEPTH then
    return value
  end
  local t = {}
  for key, member in next, value do t[key] = copy(member, depth + 1) end
  return t
end

--- A plain value as it is now; frozen tables are shared.
---@param value any
---@return any
function M.copy(value) return copy(value, 1) end

--- Encodes a table that changes no more, once: it is this text in every
--- encoding from now on.
---@param t table
function M.freeze(t)
  if not texts[t] then texts[t] = M.encode(t) end
end

local special = { nan = 0 / 0, inf = math.huge, ["-inf"] = -math.huge }

local function broken(at, what)
  error(("codec: at byte %d: %s"):format(at, what), 0)
end

local get

local function get_number(text, at)
  local digits, after = text:match("^([%-%+%.%w]+);()", at)
  local value = digits and (special[digits] or tonumber(digits))
  if not value then broken(at, "no number") end
  return value, after
end

local function get_string(text, at)
  local length, first = text:match("^(%d+):()", at)
  local last = length and first + tonumber(length) - 1
  if not length or last > #text then broken(at, "a string cut short") end
  return text:sub(first, last), last + 1
end

local function get_table(text, at, depth)
  if depth > MOST_DEPTH then broken(at, "nested too deep") end
  local t = {}
  while text:sub(at, at) ~= "}" do
    local key, value
    key, at = get(text, at, depth)
    if type(key) == "table" or type(key) == "boolean" or key ~= key then
      broken(at, "a key that is neither string nor number")
    end
    value, at = get(text, at, depth + 1)
    t[key] = value
  end
  return t, at + 1
end

get = function(text, at, depth)
  local mark = text:sub(at, at)
  if mark == "n" then return get_number(text, at + 1) end
  if mark == "s" then return get_string(text, at + 1) end
  if mark == "{" then return get_table(text, at + 1, depth) end
  if mark == "t" then return true, at + 1 end
  if mark == "f" then return false, at + 1 end
  broken(at, mark == "" and "cut short" or "no value")
end

--- The value of a string from M.encode; anything else raises.
---@param text string
---@return any
function M.decode(text)
  local value, after = get(text, 1, 1)
  if after <= #text then broken(after, "more than one value") end
  return value
end

return M
