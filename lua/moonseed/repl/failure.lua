--- An error as text: what it says, and the user's own frames that led to it.

local show = require "moonseed.repl.show"

local M = {}

-- Frames of Moonseed, wherever it is installed; long paths are cut at their
-- beginning.
local function is_ours(row)
  return row:find "lua/moonseed/[%w_/]+%.lua:" ~= nil
    or row:find "5%.1/moonseed/[%w_/]+%.lua:" ~= nil
end

local built_in = { error = true, xpcall = true, pcall = true }

-- The frames of a traceback that say something to the user.
local function frames(trace)
  local rows = {}
  for row in trace:gmatch "[^\n]+" do
    local name = row:match "%[C%]: in function '(.-)'$"
    local is_header = row:find "^stack traceback"
    if not (is_header or built_in[name] or is_ours(row)) then
      rows[#rows + 1] = row:gsub("in function 'fn'$", "in the line")
    end
  end
  return rows
end

--- The error, with a traceback unless it would only repeat where it arose.
---@param e any
---@param trace string|nil
---@return string
function M.text(e, trace)
  local text = type(e) == "string" and e or show.text(e)
  if text:find "interrupted$" then return text end
  local rows = trace and frames(trace) or {}
  if #rows < 2 then return text end
  return text .. "\n" .. table.concat(rows, "\n")
end

return M
