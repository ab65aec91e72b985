--- Tab: what could follow the text before the cursor. Looks values up, calls
--- nothing of the user's and never raises.

local core = require "moonseed.ffi"
local members = require "moonseed.repl.members"
local uv = core.uv

local M = {}

local keywords = {}
for word in ([[and break do else elseif end false for function goto if in local
nil not or repeat return then true until while]]):gmatch "%a+" do
  keywords[word] = true
end

-- --- the expression before the cursor --------------------------------------

-- The quote that is open at the end of a text, and where; nil for none.
local function open_quote(text)
  local quote, at
  local i = 1
  while i <= #text do
    local c = text:sub(i, i)
    if quote and c == "\\" then
      i = i + 1
    elseif quote == c then
      quote = nil
    elseif not quote and (c == '"' or c == "'") then
      quote, at = c, i
    end
    i = i + 1
  end
  if quote then return quote, at end
end

local function is_garden(value)
  local seed = package.loaded["moonseed"] and rawget(
    package.loaded["moonseed"], "seed")
  local Garden = seed and rawget(seed, "Garden")
  return Garden ~= nil and debug.getmetatable(value) == Garden
end

-- One step at the end of an expression: what is before it, and its key.
local function last_step(text)
  local head, key = text:match "^(.-)%.([%a_][%w_]*)$"
  if head then return head, key end
  head, key = text:match "^(.*)%[%s*(%d+)%s*%]$"
  if head then return head, tonumber(key) end
  local _
  head, _, key = text:match "^(.*)%[%s*([\"'])([^\"']*)%2%s*%]$"
  return head, key
end

-- The value of the expression that ends the text; nil when it has none, or
-- would need a call.
local function value_of(text, env)
  local head, _, name =
    text:match "^(.*):slot%s*%(?%s*([\"'])([^\"']*)%2%s*%)?$"
  if head then
    local garden = value_of(head, env)
    return is_garden(garden) and rawget(garden, "by_name")[name] or nil
  end
  local tail = text:match "([%a_][%w_.%[%]\"']*)$"
  if not tail then return nil end
  local keys = {}
  while not tail:find "^[%a_][%w_]*$" do
    local before, key = last_step(tail)
    if not before or before == "" then return nil end
    table.insert(keys, 1, key)
    tail = before
  end
  local value = members.get(env, tail)
  for _, key in ipairs(keys) do
    if value == nil then return nil end
    value = members.get(value, key)
  end
  return value
end

-- --- what fits -------------------------------------------------------------

local function is_callable(value)
  if type(value) == "function" then return true end
  local meta = debug.getmetatable(value)
  return type(meta) == "table" and rawget(meta, "__call") ~= nil
end

local function fitting(names, partial, accept)
  local list = {}
  for name in pairs(names) do
    if name:sub(1, #partial) == partial
       and (partial ~= "" or name:sub(1, 1) ~= "_")
       and (not accept or accept(name)) then
      list[#list + 1] = name
    end
  end
  table.sort(list)
  return list
end

local function common_start(list)
  local start = list[1] or ""
  for _, name in ipairs(list) do
    while name:sub(1, #start) ~= start do start = start:sub(1, -2) end
  end
  return start
end

local function answer(list, partial)
  local insert = #list > 0 and common_start(list):sub(#partial + 1) or ""
  return { names = list, insert = insert }
end

local function members_of(text, separator, partial, env)
  local value = value_of(text, env)
  if value == nil then return answer({}, partial) end
  local accept = function(name) return name:find "^[%a_][%w_]*$" ~= nil end
  if separator == ":" then
    accept = function(name) return is_callable(members.get(value, name)) end
  end
  return answer(fitting(members.names(value), partial, accept), partial)
end

local function files(partial)
  local folder, start = partial:match "^(.*/)([^/]*)$"
  folder, start = folder or "", start or partial
  local names = {}
  local entries = uv.fs_scandir(folder == "" and "." or folder)
  while entries do
    local name, kind = uv.fs_scandir_next(entries)
    if not name then break end
    names[name .. (kind == "directory" and "/" or "")] = true
  end
  return answer(fitting(names, start), start)
end

local function blueprints()
  local names = {}
  for _, name in ipairs(require("moonseed.seed.blueprint").names()) do
    names[name] = true
  end
  return names
end

-- Within a string: slots after `garden:slot`, blueprints after `germinate`,
-- files otherwise.
local function in_string(head, partial, env)
  local object = head:match "^(.*):slot%s*%(?%s*$"
  local garden = object and value_of(object, env)
  if is_garden(garden) then
    return answer(fitting(rawget(garden, "by_name"), partial), partial)
  end
  if head:find ":germinate%s*%(?%s*$" then
    return answer(fitting(blueprints(), partial), partial)
  end
  return files(partial)
end

local function complete(text, env)
  local _, at = open_quote(text:match "[^\n]*$")
  local row = text:match "[^\n]*$"
  if at then return in_string(row:sub(1, at - 1), row:sub(at + 1), env) end
  local partial = text:match "[%a_][%w_]*$" or ""
  local head = text:sub(1, #text - #partial)
  local expression, separator = head:match "^(.-)%s*([.:])%s*$"
  if separator and expression:sub(-1) ~= "." then
    return members_of(expression, separator, partial, env)
  end
  if separator or partial == "" then return answer({}, partial) end
  local names = members.names(env)
  for word in pairs(keywords) do names[word] = true end
  return answer(fitting(names, partial), partial)
end

--- What could follow `text`: `insert`, to be added at once ("" for nothing),
--- and `names`, the candidates.
---@param text string  what is before the cursor
---@param env table    the session's globals
---@return table
function M.complete(text, env)
  local ok, found = pcall(complete, text, env)
  return ok and found or { names = {}, insert = "" }
end

return M
