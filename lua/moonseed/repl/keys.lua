--- Bytes from a terminal as keys: `{ key = "up" }`, `{ text = "abc" }`, and
--- `{ paste = text }` for what was pasted. Names: ctrl-a, alt-b, left,
--- ctrl-left, enter, tab, escape, backspace, delete, ...

local width = require "moonseed.repl.width"

local M = {}

---@class Keys
local Keys = {}
Keys.__index = Keys

local final = { A = "up", B = "down", C = "right", D = "left", H = "home",
                F = "end", Z = "shift-tab" }
local numbered = { ["1"] = "home", ["3"] = "delete", ["4"] = "end",
                   ["7"] = "home", ["8"] = "end", ["5"] = "page-up",
                   ["6"] = "page-down" }
local modifiers = { ["2"] = "shift-", ["3"] = "alt-", ["5"] = "ctrl-" }

local control = { [8] = "backspace", [9] = "tab", [10] = "enter",
                  [13] = "enter", [127] = "backspace" }

local PASTE, PASTE_END = "^\27%[200~", "\27[201~"

---@return Keys
function M.new() return setmetatable({ pending = "" }, Keys) end

-- A sequence ESC [ ... or ESC O . at the start: its name (false for one that
-- means nothing here) and length; nil while its end has not come.
local function sequence(text)
  local letter = text:match "^\27O(.)"
  if letter then return final[letter] or false, 3 end
  local parameters, last = text:match "^\27%[([%d;]*)([%a~])"
  if not last then
    if text:find "^\27%[[%d;]*$" or text == "\27O" then return nil end
    return false, 2
  end
  local first, modifier = parameters:match "^(%d*);?(%d*)"
  local name = last == "~" and numbered[first] or final[last]
  if name then name = (modifiers[modifier] or "") .. name end
  return name or false, 2 + #parameters + 1
end

local function escaped(text)
  if text:find "^\27[%[O]" then return sequence(text) end
  if #text < 2 then return nil end
  local byte = text:byte(2)
  if byte == 27 then return "escape", 1 end
  if control[byte] then return "alt-" .. control[byte], 2 end
  if byte >= 32 and byte < 127 then
    return "alt-" .. string.char(byte):lower(), 2
  end
  return "escape", 1
end

local function plain_text(text)
  local i = 1
  while i <= #text do
    local byte = text:byte(i)
    if byte < 32 or byte == 127 then break end
    if i + width.expected(byte) - 1 > #text then break end
    i = i + width.length(text, i)
  end
  return text:sub(1, i - 1)
end

-- The first event of a text and its length; nil while more must come.
local function first(text)
  if text:find(PASTE) then
    local last = text:find(PASTE_END, 1, true)
    if not last then return nil end
    local pasted = text:sub(7, last - 1):gsub("\r\n?", "\n")
    return { paste = pasted }, last + #PASTE_END - 1
  end
  local byte = text:byte(1)
  if byte == 27 then
    local name, n = escaped(text)
    if name == nil then return nil end
    return { key = name or "unknown" }, n
  end
  if control[byte] then return { key = control[byte] }, 1 end
  if byte < 32 then
    return { key = "ctrl-" .. string.char(byte + 96) }, 1
  end
  local typed = plain_text(text)
  if typed == "" then return nil end
  return { text = typed }, #typed
end

--- The keys in what has come, as far as they are complete.
---@param bytes string
---@return table[]
function Keys:feed(bytes)
  self.pending = self.pending .. bytes
  local events = {}
  while self.pending ~= "" do
    local event, n = first(self.pending)
    if not event then break end
    events[#events + 1] = event
    self.pending = self.pending:sub(n + 1)
  end
  return events
end

--- Nothing more has come for a while: a lone escape is the key of that name.
---@return table[]
function Keys:flush()
  if self.pending ~= "\27" then return {} end
  self.pending = ""
  return { { key = "escape" } }
end

return M
