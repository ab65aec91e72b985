--- Lines of a record, as JSON. docs/record.md says what they hold.
--
-- A number has 17 digits, so that reading gives the same bits. One that is not
-- finite is null with a reason; inside of an event that is an object of its
-- own, { "value": null, "why": "nan" }. Text that is not UTF-8 gets U+FFFD for
-- each wrong byte, so that every line is JSON whatever was written.

local M = {}

local DEEPEST = 20  -- tables in tables

-- --- text --------------------------------------------------------------------

local short = { ['"'] = '\\"', ["\\"] = "\\\\", ["\n"] = "\\n",
                ["\r"] = "\\r", ["\t"] = "\\t" }

local function escape(character)
  return short[character] or ("\\u%04x"):format(character:byte())
end

-- Table 3-7 of the Unicode standard, by the first byte.
local sequences = {
  "^[\194-\223][\128-\191]", "^\224[\160-\191][\128-\191]",
  "^[\225-\236\238\239][\128-\191][\128-\191]",
  "^\237[\128-\159][\128-\191]",
  "^\240[\144-\191][\128-\191][\128-\191]",
  "^[\241-\243][\128-\191][\128-\191][\128-\191]",
  "^\244[\128-\143][\128-\191][\128-\191]",
}

local function sequence_at(bytes, at)
  for _, pattern in ipairs(sequences) do
    local sequence = bytes:sub(at, at + 3):match(pattern)
    if sequence then return sequence end
  end
end

local function mend(bytes)
  local parts, at = {}, 1
  while at <= #bytes do
    local sequence = sequence_at(bytes, at)
    parts[#parts + 1] = sequence or "\239\191\189"
    at = at + (sequence and #sequence or 1)
  end
  return table.concat(parts)
end

--- A string of JSON.
---@param text string
---@return string
function M.text(text)
  if text:find '[%c"\\]' then text = text:gsub('[%c"\\]', escape) end
  if text:find "[\128-\255]" then text = text:gsub("[\128-\255]+", mend) end
  return '"' .. text .. '"'
end

-- --- numbers -----------------------------------------------------------------

--- Why a number cannot stand in JSON; nil if it can.
---@param value number
---@return string|nil  "nan", "inf", "-inf"
function M.why(value)
  if value ~= value then return "nan" end
  if value == math.huge then return "inf" end
  if value == -math.huge then return "-inf" end
end

local function number(value)
  local why = M.why(value)
  if why then return ('{"value":null,"why":"%s"}'):format(why) end
  return ("%.17g"):format(value)
end

-- --- tables ------------------------------------------------------------------

local encode

local function list(value, depth)
  local parts = {}
  for i = 1, #value do parts[i] = encode(value[i], depth) end
  return "[" .. table.concat(parts, ",") .. "]"
end

-- What is looked for first comes first; the rest by name.
local rank = { step = 1, epoch = 2, slot = 3, seed = 4, from = 5, stage = 6 }

local function before(a, b)
  local ra, rb = rank[a] or 99, rank[b] or 99
  if ra ~= rb then return ra < rb end
  return a < b
end

local function members(value, depth, parts)
  local keys = {}
  for key in pairs(value) do
    local kind = type(key)
    if kind ~= "string" and kind ~= "number" then
      error("a key is text or a number, not " .. kind, 0)
    end
    keys[#keys + 1] = tostring(key)
  end
  table.sort(keys, before)
  for _, key in ipairs(keys) do
    local member = value[key]
    if member == nil then member = value[tonumber(key)] end
    parts[#parts + 1] = M.text(key) .. ":" .. encode(member, depth)
  end
  return parts
end

local function array_length(value)
  local n = 0
  for key in pairs(value) do
    if type(key) ~= "number" then return nil end
    n = n + 1
  end
  return n == #value and n or nil
end

-- A table without keys is a list.
encode = function(value, depth)
  local kind = type(value)
  if kind == "number" then return number(value) end
  if kind == "string" then return M.text(value) end
  if kind == "boolean" then return tostring(value) end
  if kind ~= "table" then
    error("a value is a number, text, true, false or a table, not " .. kind, 0)
  end
  if depth == DEEPEST then
    error(("tables in tables, more than %d deep"):format(DEEPEST), 0)
  end
  if array_length(value) then return list(value, depth + 1) end
  return "{" .. table.concat(members(value, depth + 1, {}), ",") .. "}"
end

-- --- lines -------------------------------------------------------------------

--- A scalar's line. Readers may count on exactly this shape.
---@param name string
---@param step integer
---@param value number
---@return string
function M.scalar(name, step, value)
  local why = M.why(value)
  if why then
    return ('{"scalar":%s,"step":%.17g,"value":null,"why":"%s"}\n'):format(
      M.text(name), step, why)
  end
  return ('{"scalar":%s,"step":%.17g,"value":%.17g}\n'):format(
    M.text(name), step, value)
end

--- An event's line; raises what of the fields cannot be written.
---@param kind string
---@param time number   seconds since 1970, UTC
---@param fields table
---@return string
function M.event(kind, time, fields)
  local parts = { ('{"event":%s,"time":%.3f'):format(M.text(kind), time) }
  members(fields, 1, parts)
  return table.concat(parts, ",") .. "}\n"
end

return M
