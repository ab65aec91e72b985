--- moon.train.runs(): the runs of this process, oldest first: those that go on,
--- and those that have ended while somebody still holds them.

local M = {}

local runs = setmetatable({}, { __mode = "v" })  -- by number
local count = 0

--- Adds a run; one without a name gets "run1", "run2", ...
---@param run table
function M.add(run)
  count = count + 1
  runs[count] = run
  run.name = run.name or "run" .. count
end

--- The runs of this process, oldest first.
---@return Run[]
local function list()
  local found = {}
  for i = 1, count do found[#found + 1] = runs[i] end
  return found
end

return setmetatable(M, { __call = list })
