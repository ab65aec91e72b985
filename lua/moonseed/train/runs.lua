--- moon.train.runs(): the runs of this process, oldest first.

local list = {}

local M = {}

--- Adds a run; one without a name gets "run1", "run2", ...
---@param run table
function M.add(run)
  list[#list + 1] = run
  run.name = run.name or "run" .. #list
end

return setmetatable(M, { __call = function()
  local copy = {}
  for i, run in ipairs(list) do copy[i] = run end
  return copy
end })
