-- What a function prints, as text.

local M = {}

-- Runs fn with io[name] replaced; restores it and raises fn's error.
local function with(name, replacement, fn, ...)
  local old = io[name]
  rawset(io, name, replacement)
  local ok, why = pcall(fn, ...)
  rawset(io, name, old)
  if not ok then error(why, 0) end
end

--- What fn writes to io.stderr. Inside a task fn may wait.
---@param fn fun()
---@return string
function M.stderr(fn, ...)
  local file = io.tmpfile()
  with("stderr", file, fn, ...)
  file:seek "set"
  local text = file:read "*a"
  file:close()
  return text
end

--- What fn gives to io.write.
---@param fn fun()
---@return string
function M.written(fn, ...)
  local parts = {}
  with("write", function(...)
    parts[#parts + 1] = table.concat{ ... }
  end, fn, ...)
  return table.concat(parts)
end

return M
