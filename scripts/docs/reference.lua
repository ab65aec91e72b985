-- The sections as one page of Markdown.

local made = require "made"
local parse = require "parse"

local M = {}

local WIDTH = 80

local HEAD = [[
# Moonseed: reference

Everything that `local moon = require "moonseed"` leads to, as its sources
describe it; `nn`, `optim`, `data`, `seed` are `moon.nn` and so on. Made by
`luajit scripts/docs/generate.lua`: change the comment in the source instead.
The [tutorials](tutorials/1_first_tensor.md) are the place to begin.

A parameter with a question mark may be left out. What ends in `{ ... }` takes
one table: leading values by position, the others by name, here with what they
are unless given. Positions and dimensions count from 1, index values in tensors
from 0.
]]

-- Breaks a line at spaces; what follows the first is indented.
local function wrap(out, text, indent)
  local line = ""
  for word in text:gmatch "%S+" do
    if line:find "%S" and #line + 1 + #word > WIDTH then
      out[#out + 1] = line
      line = indent .. word
    else
      line = line == "" and word or line .. " " .. word
    end
  end
  out[#out + 1] = line
end

local function add_code(out, lines)
  local is_lua = loadstring(table.concat(lines, "\n")) ~= nil
  out[#out + 1] = is_lua and "```lua" or "```"
  for _, line in ipairs(lines) do out[#out + 1] = line end
  out[#out + 1] = "```"
end

-- Blocks of a comment: paragraphs, and lines that begin with spaces, which are
-- code. A block ends where the other kind begins; a paragraph at an empty line.
local function blocks_of(lines)
  local blocks, block, empty = {}, nil, 0
  for _, line in ipairs(lines) do
    local code = line:find "^  " ~= nil
    if not line:find "%S" then
      empty = empty + 1
    else
      if not block or block.code ~= code or (empty > 0 and not code) then
        block = { code = code }
        blocks[#blocks + 1] = block
      else
        for _ = 1, empty do block[#block + 1] = "" end
      end
      empty = 0
      block[#block + 1] = code and line:sub(3) or line
    end
  end
  return blocks
end

local function add_text(out, lines)
  for i, block in ipairs(blocks_of(lines)) do
    if i > 1 then out[#out + 1] = "" end
    if block.code then
      add_code(out, block)
    else
      wrap(out, table.concat(block, " "), "")
    end
  end
end

local function optional(kind)
  return kind == "nil" or kind:find "|nil$" ~= nil
end

local function plain(kind) return (kind:gsub("|nil$", "")) end

--- How an entry is called: its usage in the source, or its parameters.
---@param entry table
---@return string
function M.signature(entry)
  if entry.usage then return entry.key .. entry.usage:match "%b{}" end
  local names = {}
  for i, param in ipairs(entry.params) do
    names[i] = param.name .. (optional(param.type) and param.name ~= "..."
                              and "?" or "")
  end
  return ("%s(%s)"):format(entry.key, table.concat(names, ", "))
end

local function described(item)
  return (item.text ~= "" and ": " or "") .. item.text
end

local function add_results(items, entry)
  for _, result in ipairs(entry.returns) do
    local kind = result.type:gsub("|nil$", " or nil")
    local text, more = result.text:gsub("^%.%.%.%s*", "")
    wrap(items, ("- returns %s%s%s"):format(kind, more > 0 and " ..." or "",
      (text ~= "" and ": " or "") .. text), "  ")
  end
end

-- What a class is called with returns an object of it; that goes unsaid.
local function add_entry(out, entry, is_call)
  local usage = M.signature(entry)
  out[#out + 1] = ""
  out[#out + 1] = "#### `" .. usage .. "`"
  out[#out + 1] = ""
  add_text(out, entry.text)
  local items = {}
  -- One table without a word about it is in the usage.
  local told = entry.usage and #entry.params == 1 and entry.params[1].text == ""
  for _, param in ipairs(told and {} or entry.params) do
    wrap(items, ("- `%s` %s%s"):format(param.name, plain(param.type),
                                       described(param)), "  ")
  end
  if not is_call then add_results(items, entry) end
  if #items > 0 and out[#out] ~= "" then out[#out + 1] = "" end
  for _, line in ipairs(items) do out[#out + 1] = line end
end

local titles = {}
for _, topic in ipairs(made.topics) do
  titles["lua/moonseed/" .. topic[1] .. ".lua"] = topic[2]
end

local function topic_of(path)
  if titles[path] then return titles[path] end
  local text = table.concat(parse.file(path).header, " ")
  return text:match "^(.-)%.%s" or text:match "^(.-)%.?$"
end

local function add_entries(out, section)
  local last
  local topics = section.title == "moon" or section.title == "Tensor"
  for _, entry in ipairs(section.entries) do
    local topic = topics and topic_of(entry.path)
    if topic and topic ~= last then
      last = topic
      out[#out + 1] = ""
      out[#out + 1] = "### " .. topic
    end
    add_entry(out, entry)
  end
end

local function anchor(title)
  return "#" .. title:lower():gsub("[^%w_ -]", ""):gsub(" ", "-")
end

local function add_section(out, section)
  out[#out + 1] = ""
  out[#out + 1] = "## " .. section.title
  out[#out + 1] = ""
  if section.parent then
    local article = section.parent:find "^[AEIOU]" and "An" or "A"
    out[#out + 1] = ("%s [%s](%s)."):format(article, section.parent,
                                            anchor(section.parent_title))
    out[#out + 1] = ""
  end
  add_text(out, section.text)
  if section.call then add_entry(out, section.call, section.is_class) end
  if #section.fields > 0 then
    out[#out + 1] = ""
    out[#out + 1] = "Fields:"
    out[#out + 1] = ""
    for _, field in ipairs(section.fields) do
      wrap(out, ("- `%s` %s%s"):format(field.name, field.type,
                                       described(field)), "  ")
    end
  end
  add_entries(out, section)
end

--- The page.
---@param sections table[]  see surface.lua
---@return string
function M.page(sections)
  local out, links = { (HEAD:gsub("\n$", "")), "" }, {}
  for i, section in ipairs(sections) do
    links[i] = ("[%s](%s)"):format(section.title, anchor(section.title))
  end
  wrap(out, table.concat(links, " · "), "")
  for _, section in ipairs(sections) do add_section(out, section) end
  return table.concat(out, "\n") .. "\n"
end

return M
