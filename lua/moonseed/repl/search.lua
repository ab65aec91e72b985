--- Ctrl-R: the newest entry of the history that contains what is typed.

---@class Search
---@field text string           what is looked for
---@field position integer|nil  of what was found in the history
local Search = {}
Search.__index = Search

---@param history History
---@return Search
function Search.new(history)
  return setmetatable({ history = history, text = "" }, Search)
end

-- From the newest, or from what was found, which may still fit.
local function look(self, from)
  local position = self.history:find(self.text, from)
  self.failed = position == nil and self.text ~= ""
  if position then self.position = position end
end

--- More is typed.
---@param text string
function Search:add(text)
  self.text = self.text .. text
  look(self, (self.position or #self.history.list) + 1)
end

--- The last character is taken back.
function Search:shorten()
  self.text = self.text:gsub("[^\128-\191][\128-\191]*$", "")
  self.position = nil
  if self.text ~= "" then look(self, #self.history.list + 1) end
end

--- An older one.
function Search:older()
  look(self, self.position or #self.history.list + 1)
end

--- What was found; "" before.
---@return string
function Search:found()
  return self.position and self.history.list[self.position] or ""
end

---@return string
function Search:prompt()
  return ("(%ssearch) %s: "):format(self.failed and "failed " or "", self.text)
end

return Search
