--- How a prompt and a text lie on rows of a terminal, and where its cursor is.

local width = require "moonseed.repl.width"

local M = {}

---@class Layout
---@field rows string[]
---@field row integer     of the cursor, from 1
---@field column integer  of the cursor, from 0

-- Rows under construction: `put` breaks them where they are full.
local function writer(columns)
  local w = { rows = {}, parts = {}, column = 0 }
  function w.feed()
    w.rows[#w.rows + 1] = table.concat(w.parts)
    w.parts, w.column = {}, 0
  end
  function w.put(shown, wide)
    if w.column + wide > columns then w.feed() end
    w.parts[#w.parts + 1] = shown
    w.column = w.column + wide
  end
  function w.place(layout)
    if w.column >= columns then w.feed() end
    layout.row, layout.column = #w.rows + 1, w.column
  end
  return w
end

--- The rows of `text`, the first after `prompt`, the others after `more`.
---@param text string
---@param at integer       bytes before the cursor
---@param prompts string[] { first, more }; may have colours
---@param columns integer  of the terminal
---@return Layout
function M.input(text, at, prompts, columns)
  local layout, w = {}, writer(columns)
  w.put(prompts[1], width.columns(prompts[1]))
  local i = 1
  while i <= #text do
    if at == i - 1 then w.place(layout) end
    if text:byte(i) == 10 then
      w.feed()
      w.put(prompts[2], width.columns(prompts[2]))
      i = i + 1
    else
      local shown, wide, n = width.shown(text, i)
      w.put(shown, wide)
      i = i + n
    end
  end
  if at >= #text then w.place(layout) end
  w.feed()
  layout.rows = w.rows
  return layout
end

--- Names in columns, on at most `most` rows; what is left out is counted.
---@param names string[]
---@param columns integer  of the terminal
---@param most integer
---@return string[] rows
function M.columns(names, columns, most)
  local widest = 0
  for _, name in ipairs(names) do
    widest = math.max(widest, width.columns(name))
  end
  local across = math.max(1, math.floor((columns + 1) / (widest + 2)))
  local n, down = #names, math.ceil(#names / across)
  if down > most then
    down = math.max(1, most - 1)
    n = down * across
  end
  local rows = {}
  for r = 1, down do
    local parts = {}
    for c = 0, across - 1 do
      local at = c * down + r
      local name = at <= n and names[at]
      if name then
        parts[#parts + 1] = name .. (" "):rep(widest + 2 - width.columns(name))
      end
    end
    rows[r] = width.fit(table.concat(parts):gsub(" +$", ""), columns)
  end
  if n < #names then
    rows[#rows + 1] = ("... %d in all"):format(#names)
  end
  return rows
end

--- The rows above and below the input that fit, and as many of the input's
--- around the cursor.
---@param layout Layout   of the input
---@param above string[]
---@param below string[]
---@param height integer  rows of the terminal
---@return Layout  of all
function M.stack(layout, above, below, height)
  local rows, input = {}, layout.rows
  local room = math.max(0, height - #input - 1)
  local first = 1
  if #input >= height then first = math.max(1, layout.row - height + 1) end
  local last = math.min(#input, first + height - 1)
  local n_above = math.min(#above, room)
  for i = #above - n_above + 1, #above do rows[#rows + 1] = above[i] end
  local row = #rows + layout.row - first + 1
  for i = first, last do rows[#rows + 1] = input[i] end
  for i = 1, math.min(#below, room - n_above) do rows[#rows + 1] = below[i] end
  return { rows = rows, row = row, column = layout.column }
end

return M
