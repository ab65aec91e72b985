--- What this process holds of the machine's memory.

local M = {}

--- Megabytes (2^20 bytes): held now, and the most since `forget_peak`.
---@return number now
---@return number peak
function M.mb()
  local kb = {}
  for line in io.lines "/proc/self/status" do
    local name, value = line:match "^(Vm%u+):%s*(%d+) kB"
    if name then kb[name] = tonumber(value) end
  end
  return kb.VmRSS / 1024, kb.VmHWM / 1024
end

--- Begins to measure the peak anew.
function M.forget_peak()
  local file = assert(io.open("/proc/self/clear_refs", "w"))
  file:write "5"
  file:close()
end

return M
