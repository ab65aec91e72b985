--- A mean and how sure it is.

local M = {}

-- Student's t, 97.5%, by degrees of freedom.
local STUDENT = { 12.71, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306,
                  2.262, 2.228, 2.201, 2.179, 2.160, 2.145, 2.131, 2.120,
                  2.110, 2.101, 2.093 }

---@param list number[]
---@return number
function M.mean(list)
  local sum = 0
  for _, value in ipairs(list) do sum = sum + value end
  return sum / #list
end

--- Half of the 95% interval of the mean; 0 of a single value.
---@param list number[]
---@return number
function M.half_interval(list)
  local n, mean, squares = #list, M.mean(list), 0
  if n < 2 then return 0 end
  for _, value in ipairs(list) do squares = squares + (value - mean) ^ 2 end
  return (STUDENT[n - 1] or 1.96) * math.sqrt(squares / (n - 1) / n)
end

return M
