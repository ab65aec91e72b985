-- The language of `---@` comments: types, parameters, results, fields.

local M = {}

local close = { ["("] = ")", ["{"] = "}", ["<"] = ">", ["["] = "]" }

-- The end of the word that begins at `at`: up to a space or comma outside
-- brackets.
local function word_end(text, at)
  while at <= #text do
    local c = text:sub(at, at)
    if close[c] then
      local _, last = text:find("^%b" .. c .. close[c], at)
      at = last or #text
    elseif c:find "[%s,]" then
      return at - 1
    end
    at = at + 1
  end
  return #text
end

--- Splits a type from what follows it. What a `fun(...)` returns, a list with
--- commas, is part of its type.
---@param text string
---@return string type
---@return string rest
function M.split_type(text)
  local last = word_end(text, 1)
  if text:find "^fun%b():%s" then
    repeat
      local _, space = text:find("^,?%s+", last + 1)
      last = word_end(text, space + 1)
    until text:sub(last + 1, last + 1) ~= ","
  end
  return text:sub(1, last), (text:sub(last + 1):gsub("^%s+", ""))
end

--- "userdata?" as "userdata|nil".
---@param kind string
---@return string
function M.normal(kind)
  if kind:sub(-1) == "?" and not kind:find "^fun" then
    return kind:sub(1, -2) .. "|nil"
  end
  return kind
end

local tags = {}

function tags.param(text)
  local name, rest = text:match "^(%S+)%s*(.*)$"
  local kind
  kind, rest = M.split_type(rest)
  if name:sub(-1) == "?" then name, kind = name:sub(1, -2), kind .. "?" end
  return { name = name, type = M.normal(kind), text = rest }
end

tags.field = tags.param

tags["return"] = function(text)
  local kind, rest = M.split_type(text)
  return { type = M.normal(kind), text = rest }
end

function tags.class(text)
  local name, parent, rest = text:match "^([%w_.]+)%s*:%s*([%w_.]+)%s*(.*)$"
  if not name then name, rest = text:match "^([%w_.]+)%s*(.*)$" end
  return { name = name, parent = parent, text = rest }
end

local SECOND = { userdata = true, table = true, boolean = true, number = true,
                 integer = true, string = true }

-- "x, userdata? y" after a type is a second result.
local function second_of(text)
  local own, rest = text:match "^([%w_]+), (%l.*)$"
  local kind = rest and M.split_type(rest)
  if kind and SECOND[kind:gsub("|nil$", ""):gsub("%?$", "")] then
    return own, rest
  end
end

local function split_returns(list)
  local all = {}
  for _, entry in ipairs(list) do
    while entry do
      all[#all + 1] = entry
      local own, rest = second_of(entry.text)
      entry.text = own or entry.text
      entry = own and tags["return"](rest) or nil
    end
  end
  return all
end

--- What a comment says: `text` (lines), and lists `param`, `return`, `field`,
--- `class`. A line without a tag belongs to the tag before it.
---@param lines string[]  without their dashes
---@return table
function M.read(lines)
  local doc = { text = {}, param = {}, ["return"] = {}, field = {}, class = {} }
  local last
  for _, line in ipairs(lines) do
    local tag, rest = line:match "^@(%w+)%s+(.*)$"
    if tag and doc[tag] then
      last = tags[tag](rest)
      table.insert(doc[tag], last)
    elseif last and line:find "%S" then
      last.text = (last.text .. " " .. line:match "^%s*(.-)%s*$")
    elseif not tag then
      table.insert(doc.text, line)
    end
  end
  doc["return"] = split_returns(doc["return"])
  return doc
end

return M
