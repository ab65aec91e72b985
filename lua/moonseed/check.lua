--- Checks of what users pass, and how errors are raised.
--
-- An error names the operation, the fact and the numbers, and points at the
-- user's line: the innermost one that is not in this folder.

local core = require "moonseed.ffi"
local C, ffi = core.C, core.ffi

local M = {}

--- Default of a named option that must be given.
M.required = setmetatable({}, { __tostring = function() return "required" end })
--- Default of a named option that may be left out: nil.
M.optional = setmetatable({}, { __tostring = function() return "optional" end })

local ours = "@" .. core.folder

--- The user's line, as `file:line`.
---@return string|nil
function M.site()
  for level = 2, 100 do
    local info = debug.getinfo(level, "Sl")
    if not info then return nil end
    if info.currentline > 0 and info.source:sub(1, #ours) ~= ours then
      return info.short_src .. ":" .. info.currentline
    end
  end
end

--- Raises `text` with the user's line before it.
---@param text string
function M.raise(text)
  local site = M.site()
  error(site and site .. ": " .. text or text, 0)
end

--- Raises `op: text`, the text formatted.
---@param op string   what the user called
---@param text string
---@param ... any       what the text's formats take
function M.fail(op, text, ...)
  M.raise(op .. ": " .. text:format(...))
end

--- Raises what the core says if `status` is negative. For calls that
--- allocate tensors use moonseed.retry.
---@param status integer
---@return integer  the status
function M.status(status)
  if status < 0 then M.raise(ffi.string(C.moon_last_error())) end
  return status
end

local function type_of(value)
  if value == nil then return "nothing" end
  return type(value)
end

--- A number; NaN and infinities are numbers, too.
---@param op string    what the user called
---@param name string  of the argument
---@param value any    what the user passed
---@return number
function M.number(op, name, value)
  if type(value) ~= "number" then
    M.fail(op, "%s is a number, not %s", name, type_of(value))
  end
  return value
end

--- A whole number of at least `least` (0 unless given).
---@param op string    what the user called
---@param name string  of the argument
---@param value any    what the user passed
---@param least integer|nil
---@return integer
function M.count(op, name, value, least)
  least = least or 0
  M.number(op, name, value)
  if value % 1 ~= 0 or value < least then
    M.fail(op, "%s is a whole number of at least %d, not %.14g", name, least,
           value)
  elseif value > 2 ^ 53 then
    M.fail(op, "%s is at most 2^53, not %.14g", name, value)
  end
  return value
end

--- A time: a number of at least 0; `math.huge` is for ever.
---@param op string    what the user called
---@param name string  of the argument
---@param value any    what the user passed
---@return number
function M.time(op, name, value)
  M.number(op, name, value)
  if value ~= value or value < 0 then
    M.fail(op, "%s is at least 0 ms, not %.14g ms", name, value)
  end
  return value
end

--- true or false.
---@param op string    what the user called
---@param name string  of the argument
---@param value any    what the user passed
---@return boolean
function M.boolean(op, name, value)
  if type(value) ~= "boolean" then
    M.fail(op, "%s is true or false, not %s", name, type_of(value))
  end
  return value
end

--- A string that C can take: one without a zero byte, which would end it.
---@param op string    what the user called
---@param name string  of the argument
---@param value any    what the user passed
---@return string
function M.text(op, name, value)
  if type(value) ~= "string" then
    M.fail(op, "%s is a string, not %s", name, type_of(value))
  end
  local zero = value:find("\0", 1, true)
  if zero then
    M.fail(op, "%s has a zero byte, at %d of %d", name, zero, #value)
  end
  return value
end

--- A table.
---@param op string    what the user called
---@param name string  of the argument
---@param value any    what the user passed
---@return table
function M.table(op, name, value)
  if type(value) ~= "table" then
    M.fail(op, "%s is a table, not %s", name, type_of(value))
  end
  return value
end

--- Something that can be called.
---@param op string    what the user called
---@param name string  of the argument
---@param value any    what the user passed
---@return function
function M.callable(op, name, value)
  if type(value) ~= "function" then
    local meta = type(value) == "table" and getmetatable(value)
    if not (meta and meta.__call) then
      M.fail(op, "%s is a function, not %s", name, type_of(value))
    end
  end
  return value
end

--- Height and width from a number (both) or `{ height, width }`.
---@param op string    what the user called
---@param name string  of the argument
---@param value any    what the user passed
---@param least integer|nil  of both; 0 unless given
---@return integer, integer
function M.pair(op, name, value, least)
  if type(value) == "number" then
    M.count(op, name, value, least)
    return value, value
  end
  if type(value) ~= "table" or #value ~= 2 then
    M.fail(op, "%s is a number or { height, width }", name)
  end
  return M.count(op, name, value[1], least), M.count(op, name, value[2], least)
end

--- A dimension from 1, or from -1 (the last) down, as the core counts: from 0.
---@param op string     what the user called
---@param value any     what the user passed
---@param ndim integer  dimensions of the tensor
---@return integer
function M.dim(op, value, ndim)
  if type(value) ~= "number" then
    M.fail(op, "a dimension is a number, not %s", type_of(value))
  end
  local dim = value < 0 and ndim + value or value - 1
  if value % 1 ~= 0 or dim < 0 or dim >= ndim then
    M.fail(op, "dimension %.14g of a tensor with %d", value, ndim)
  end
  return dim
end

--- A position from 1, or from -1 (the last) down, as the core counts: from 0.
---@param op string  what the user called
---@param value any  what the user passed
---@param n integer  how many positions there are
---@return integer
function M.position(op, value, n)
  if type(value) ~= "number" then
    M.fail(op, "a position is a number, not %s", type_of(value))
  end
  local at = value < 0 and n + value or value - 1
  if value % 1 ~= 0 or at < 0 or at >= n then
    M.fail(op, "position %.14g of %d", value, n)
  end
  return at
end

local dtypes = { f32 = C.MOON_F32, f64 = C.MOON_F64, i64 = C.MOON_I64,
                 i32 = C.MOON_I32, u8 = C.MOON_U8, bool = C.MOON_BOOL,
                 bf16 = C.MOON_BF16, f16 = C.MOON_F16 }
local dtype_names = {}
for name, code in pairs(dtypes) do
  dtypes[name] = tonumber(code)
  dtype_names[tonumber(code)] = name
end

--- Codes by name: `f32 f64 i64 i32 u8 bool bf16 f16`.
M.dtypes = dtypes
--- Bytes of an element, by name.
M.dtype_sizes = { f32 = 4, f64 = 8, i64 = 8, i32 = 4, u8 = 1, bool = 1,
                  bf16 = 2, f16 = 2 }
--- Names of the floating ones.
M.floating = { f32 = true, f64 = true, bf16 = true, f16 = true }
--- Names of those that only a GPU computes with.
M.halves = { bf16 = true, f16 = true }
--- Names by code.
M.dtype_names = dtype_names

--- The core's code of a dtype name.
---@param op string  what the user called
---@param name any   what the user passed
---@return integer
function M.dtype(op, name)
  local code = dtypes[name]
  if not code then
    M.fail(op, "no dtype '%s' (f32, f64, i64, i32, u8, bool, bf16, f16)",
           tostring(name))
  end
  return code
end

local none = {}

local function known_names(names, known)
  local list = {}
  local positional = {}
  for _, name in ipairs(names) do positional[name] = true end
  for name in pairs(known) do
    if not positional[name] then list[#list + 1] = name end
  end
  table.sort(list)
  for i = #names, 1, -1 do table.insert(list, 1, names[i]) end
  return table.concat(list, ", ")
end

local function refuse_option(op, key, names, known)
  if type(key) == "number" then
    M.fail(op, "%d leading values, at most %d expected (%s)", key, #names,
           table.concat(names, ", "))
  end
  M.fail(op, "no option '%s' (known: %s)", tostring(key),
         known_names(names, known))
end

--- Checks the names in an option table, without making a new one: for calls
--- that are made again and again and read their options themselves.
---@param op string                what the user called
---@param given table|nil
---@param known table<string, any> by name
---@return table  what was given; empty without
function M.names(op, given, known)
  if given == nil then return none end
  for key in next, M.table(op, "the options", given) do
    if known[key] == nil then refuse_option(op, key, none, known) end
  end
  return given
end

--- Reads an option table: leading positional values, then names.
---
---   check.options("Conv2d", { 3, 64, kernel = 3 }, { "inputs", "outputs" },
---                 { kernel = check.required, stride = 1, bias = true })
---   --> { inputs = 3, outputs = 64, kernel = 3, stride = 1, bias = true }
---
---@param op string                what the user called
---@param given table|nil          what they gave
---@param names string[]           names of the positional values, all required
---                                unless `known` has a default for them
---@param known table<string, any> named options with their defaults, or
---                                M.required, or M.optional
---@return table  a fresh table, by name
function M.options(op, given, names, known)
  given = given == nil and {} or M.table(op, "the options", given)
  local result, positional = {}, {}
  for i, name in ipairs(names) do
    positional[i], positional[name] = name, name
  end
  for key, value in pairs(given) do
    local name = positional[key] or key
    if type(name) ~= "string" or
        (known[name] == nil and not positional[name]) then
      refuse_option(op, key, names, known)
    end
    if result[name] ~= nil then M.fail(op, "%s is given twice", name) end
    result[name] = value
  end
  for _, name in ipairs(names) do
    if result[name] == nil and known[name] == nil then
      M.fail(op, "%s is missing", name)
    end
  end
  for name, default in pairs(known) do
    if result[name] == nil then
      if default == M.required then M.fail(op, "%s is missing", name) end
      if default ~= M.optional then result[name] = default end
    end
  end
  return result
end

return M
