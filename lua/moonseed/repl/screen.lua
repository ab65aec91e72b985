--- The rows at the bottom of the terminal that belong to the prompt: drawn,
--- erased, and drawn again below whatever is printed.

local width = require "moonseed.repl.width"

---@class Screen
---@field columns integer
---@field height integer
local Screen = {}
Screen.__index = Screen

--- `write` takes text for the terminal.
---@param write fun(text: string)
---@param columns integer
---@param height integer
---@return Screen
function Screen.new(write, columns, height)
  return setmetatable({ write = write, columns = columns, height = height },
                      Screen)
end

-- Back to the first of the drawn rows, and all from there on cleared.
local function eraser(self)
  local drawn = self.drawn
  if not drawn then return "" end
  local up = drawn.row - 1
  return (up > 0 and ("\27[%dA"):format(up) or "") .. "\r\27[J"
end

--- Draws these rows in the place of those that were drawn before.
---@param layout Layout
function Screen:draw(layout)
  local below = #layout.rows - layout.row
  local parts = { eraser(self), table.concat(layout.rows, "\r\n") }
  if below > 0 then parts[#parts + 1] = ("\27[%dA"):format(below) end
  parts[#parts + 1] = "\r"
  if layout.column > 0 then
    parts[#parts + 1] = ("\27[%dC"):format(layout.column)
  end
  self.write(table.concat(parts))
  self.drawn = layout
end

--- Clears the rows; what is printed next is printed there.
function Screen:erase()
  local text = eraser(self)
  self.drawn = nil
  if text ~= "" then self.write(text) end
end

--- Leaves the rows where they are; what comes next begins below them.
function Screen:leave()
  local drawn = self.drawn
  self.drawn = nil
  if not drawn then return end
  local below = #drawn.rows - drawn.row
  self.write((below > 0 and ("\27[%dB"):format(below) or "") .. "\r\n")
end

--- The window has another size. Terminals break rows that are too long now, so
--- the first row may be further up.
---@param columns integer
---@param height integer
function Screen:resize(columns, height)
  local drawn = self.drawn
  if drawn then
    local row = 0
    for i = 1, drawn.row - 1 do
      row = row + math.max(1, math.ceil(width.columns(drawn.rows[i]) / columns))
    end
    row = row + math.floor(drawn.column / columns) + 1
    drawn.row = math.min(row, height)
  end
  self.columns, self.height = columns, height
end

--- Clears the whole window.
function Screen:clear()
  self.drawn = nil
  self.write "\27[H\27[2J"
end

return Screen
