--- The line that is being typed: keys to edits, history, search, completion,
--- and how it is drawn.

local Buffer = require "moonseed.repl.buffer"
local layout = require "moonseed.repl.layout"
local Search = require "moonseed.repl.search"

---@class Editor
---@field buffer Buffer
---@field below string[]    candidates, under the line
local Editor = {}
Editor.__index = Editor

local MOST_CANDIDATES = 8  -- rows

--- given: screen, history, prompts = { first, more }, and functions:
---   is_complete(text)   whether Enter runs it
---   complete(text)      see moonseed.repl.complete; text: before the cursor
---   above()             rows above the prompt
---   on_line(text)  on_eof()
---@param given table
---@return Editor
function Editor.new(given)
  local self = setmetatable({ buffer = Buffer.new(), below = {} }, Editor)
  for name, value in pairs(given) do self[name] = value end
  return self
end

-- --- drawing ---------------------------------------------------------------

--- Draws the prompt and the line, with what stands above and below, or alone.
---@param alone boolean|nil
function Editor:draw(alone)
  local screen, buffer, search = self.screen, self.buffer, self.search
  local text, at, prompts = buffer.text, buffer.at, self.prompts
  if search then
    text, prompts = search:found(), { search:prompt(), self.prompts[2] }
    at = (text:find(search.text, 1, true) or 1) - 1
  end
  local input = layout.input(text, at, prompts, screen.columns)
  local above = alone and {} or self.above()
  screen:draw(layout.stack(input, above, self.below, screen.height))
end

-- Draws it once more, whole and alone, and leaves it there.
local function leave(self)
  self.below, self.search = {}, nil
  self.buffer:move "last"
  self:draw(true)
  self.screen:leave()
end

-- --- history ---------------------------------------------------------------

-- The text at a position of the history; one past its end is what was typed.
local function show_entry(self, position)
  local list = self.history.list
  if position < 1 or position > #list + 1 then return end
  if not self.position then self.typed = self.buffer.text end
  self.buffer:set(list[position] or self.typed)
  self.position = position <= #list and position or nil
end

local function older(self)
  show_entry(self, (self.position or #self.history.list + 1) - 1)
end

local function newer(self)
  if self.position then show_entry(self, self.position + 1) end
end

-- --- keys ------------------------------------------------------------------

local act = {}

local function bind(names, fn)
  for name in names:gmatch "%S+" do act[name] = fn end
end

for names, where in pairs{
  ["left ctrl-b"] = "left", ["right ctrl-f"] = "right",
  ["home ctrl-a"] = "home", ["end ctrl-e"] = "end",
  ["ctrl-left alt-left alt-b"] = "word_left",
  ["ctrl-right alt-right alt-f"] = "word_right",
  ["alt-<"] = "first", ["alt->"] = "last",
} do
  bind(names, function(self) self.buffer:move(where) end)
end

bind("backspace", function(self) self.buffer:delete "left" end)
bind("delete", function(self) self.buffer:delete "right" end)
bind("ctrl-k", function(self) self.buffer:kill "end" end)
bind("ctrl-u", function(self) self.buffer:kill "home" end)
bind("ctrl-w", function(self) self.buffer:kill_blank_word() end)
bind("alt-backspace", function(self) self.buffer:kill "word_left" end)
bind("alt-d ctrl-delete", function(self) self.buffer:kill "word_right" end)
bind("ctrl-y", function(self) self.buffer:yank() end)
bind("ctrl-t", function(self) self.buffer:transpose() end)
bind("ctrl-l", function(self) self.screen:clear() end)
bind("alt-enter", function(self) self.buffer:insert "\n" end)
bind("ctrl-p", older)
bind("ctrl-n", newer)
bind("up", function(self) if not self.buffer:up() then older(self) end end)
bind("down", function(self) if not self.buffer:down() then newer(self) end end)
bind("ctrl-r", function(self) self.search = Search.new(self.history) end)
bind("ctrl-d", function(self)
  if self.buffer.text ~= "" then return self.buffer:delete "right" end
  leave(self)
  self.on_eof()
end)

bind("enter", function(self)
  local text = self.buffer.text
  if not self.is_complete(text) then
    local row = text:sub(1, self.buffer.at):match "[^\n]*$"
    return self.buffer:insert("\n" .. row:match "^ *")
  end
  leave(self)
  self:reset()
  self.on_line(text)
end)

bind("tab", function(self)
  local buffer = self.buffer
  local head = buffer.text:sub(1, buffer.at)
  if head:find "\n%s*$" or not head:find "%S" then
    return buffer:insert "  "
  end
  local found = self.complete(head)
  if found.insert ~= "" then return buffer:insert(found.insert) end
  if #found.names > 1 then
    self.below = layout.columns(found.names, self.screen.columns,
                                MOST_CANDIDATES)
  end
end)

-- Keys of a search; what is none of them ends it and counts as usual.
local function search_key(self, event)
  local search, key = self.search, event.key
  if event.text then return search:add(event.text) end
  if key == "ctrl-r" then return search:older() end
  if key == "backspace" then return search:shorten() end
  self.search = nil
  if key == "ctrl-g" then return end
  if search.position then
    self.buffer:set(search:found())
    self.position = nil
  end
  if key ~= "escape" then self:take(event) end
end

--- What a key does, without drawing.
---@param event table
function Editor:take(event)
  self.below = {}
  if self.search then
    search_key(self, event)
  elseif event.text then
    self.buffer:insert(event.text)
  elseif event.paste then
    self.buffer:insert((event.paste:gsub("\t", "  "):gsub("\n+$", "")))
  elseif act[event.key] then
    act[event.key](self)
  end
end

--- An empty line.
function Editor:reset()
  self.buffer:set ""
  self.position, self.search, self.below = nil, nil, {}
end

--- Ctrl-C: leaves what was typed where it is, and begins an empty line.
function Editor:cancel()
  local at_search = self.search ~= nil
  if not at_search then self.buffer:move "last" self.buffer:insert "^C" end
  leave(self)
  self:reset()
end

return Editor
