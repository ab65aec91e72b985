--- The text that is being typed: several rows, a cursor, what was killed last.
-- `at` is how many bytes are before the cursor.

local width = require "moonseed.repl.width"

---@class Buffer
---@field text string
---@field at integer
---@field killed string
local Buffer = {}
Buffer.__index = Buffer

---@return Buffer
function Buffer.new()
  return setmetatable({ text = "", at = 0, killed = "" }, Buffer)
end

--- Replaces the text; the cursor goes to its end.
---@param text string
function Buffer:set(text)
  self.text, self.at = text, #text
end

---@param text string
function Buffer:insert(text)
  self.text = self.text:sub(1, self.at) .. text .. self.text:sub(self.at + 1)
  self.at = self.at + #text
end

-- --- positions -------------------------------------------------------------

-- After the character at `at`, with marks that take no column of their own.
local function after(text, at)
  if at >= #text then return #text end
  at = at + width.length(text, at + 1)
  while at < #text do
    local _, columns, n = width.shown(text, at + 1)
    if columns > 0 then break end
    at = at + n
  end
  return at
end

local function before(text, at)
  local position, last = 0, 0
  while position < at do
    last = position
    position = after(text, position)
  end
  return last
end

local function word_after(text, at)
  local _, last = text:find("^[^%w_\128-\255]*[%w_\128-\255]+", at + 1)
  return last or #text
end

local function word_before(text, at)
  local head = text:sub(1, at):match "^(.-)[%w_\128-\255]*[^%w_\128-\255]*$"
  return #head
end

local function row_start(text, at)
  return #(text:sub(1, at):match "^(.*\n)" or "")
end

local function row_end(text, at)
  return (text:find("\n", at + 1, true) or #text + 1) - 1
end

-- --- movements -------------------------------------------------------------

local move = {}
move.left = function(self) return before(self.text, self.at) end
move.right = function(self) return after(self.text, self.at) end
move.word_left = function(self) return word_before(self.text, self.at) end
move.word_right = function(self) return word_after(self.text, self.at) end
move.home = function(self) return row_start(self.text, self.at) end
move["end"] = function(self) return row_end(self.text, self.at) end
move.first = function() return 0 end
move.last = function(self) return #self.text end

--- Moves the cursor.
---@param where string  left, right, word_left, word_right, home, end (of the
---                     row), first, last
function Buffer:move(where) self.at = move[where](self) end

-- `columns` characters into the row that begins at `start`.
local function into_row(text, start, columns)
  local at, last = start, row_end(text, start)
  for _ = 1, columns do
    if at >= last then break end
    at = after(text, at)
  end
  return at
end

local function column(self)
  local at, n = row_start(self.text, self.at), 0
  while at < self.at do at, n = after(self.text, at), n + 1 end
  return n
end

--- One row up; false in the first.
---@return boolean
function Buffer:up()
  local start = row_start(self.text, self.at)
  if start == 0 then return false end
  self.at = into_row(self.text, row_start(self.text, start - 1), column(self))
  return true
end

--- One row down; false in the last.
---@return boolean
function Buffer:down()
  local last = row_end(self.text, self.at)
  if last == #self.text then return false end
  self.at = into_row(self.text, last + 1, column(self))
  return true
end

-- --- deleting --------------------------------------------------------------

local function cut(self, from, to)
  local taken = self.text:sub(from + 1, to)
  self.text = self.text:sub(1, from) .. self.text:sub(to + 1)
  self.at = from
  return taken
end

--- Deletes from the cursor to where a movement would go.
---@param where string  as for move
function Buffer:delete(where)
  local to = move[where](self)
  cut(self, math.min(self.at, to), math.max(self.at, to))
end

--- As delete, and keeps it for yank. The end of a row takes the line break.
---@param where string  as for move
function Buffer:kill(where)
  local to = move[where](self)
  if where == "end" and to == self.at and to < #self.text then to = to + 1 end
  local from = math.min(self.at, to)
  to = math.max(self.at, to)
  if to > from then self.killed = cut(self, from, to) end
end

--- Deletes back to the blank before the cursor's word; keeps it for yank.
function Buffer:kill_blank_word()
  local head = self.text:sub(1, self.at):match "^(.-)%S*%s*$"
  if #head < self.at then self.killed = cut(self, #head, self.at) end
end

--- Inserts what was killed last.
function Buffer:yank() self:insert(self.killed) end

--- Swaps the characters around the cursor.
function Buffer:transpose()
  local at = self.at
  if at == #self.text then at = before(self.text, at) end
  local from, to = before(self.text, at), after(self.text, at)
  if from == at or to == at then return end
  local text = self.text
  self.text = text:sub(1, from) .. text:sub(at + 1, to)
    .. text:sub(from + 1, at) .. text:sub(to + 1)
  self.at = to
end

return Buffer
