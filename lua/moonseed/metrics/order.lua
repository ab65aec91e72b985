--- Numbers in order, by a merge sort that gives way to the loop between its
--- passes' pieces: a million take a tenth of a second, which nobody else waits
--- for.
local core = require "moonseed.ffi"
local pace = require "moonseed.pace"

local M = {}

local PIECE = 2 ^ 15  -- elements merged before others may go on

-- Merges [lo, mid) and [mid, hi) of `from` into `to`. NaN comes last.
local function merge(from, to, lo, mid, hi)
  local i, j = lo, mid
  for k = lo, hi - 1 do
    local a, b = from.value[i], from.value[j]
    local takes_left = j >= hi
    if not takes_left and i < mid then takes_left = a <= b or b ~= b end
    local at = takes_left and i or j
    to.value[k], to.place[k] = from.value[at], from.place[at]
    if takes_left then i = i + 1 else j = j + 1 end
  end
end

local function room(n)
  return { value = core.array("double[?]", n + 1),
           place = core.array("int32_t[?]", n + 1) }
end

--- Values in ascending order, and where they were (from 0).
---@param values userdata  double[n]
---@param n integer
---@return table  value, place
function M.of(values, n)
  local from, to, done = room(n), room(n), 0
  for i = 0, n - 1 do from.value[i], from.place[i] = values[i], i end
  local width = 1
  while width < n do
    for lo = 0, n - 1, 2 * width do
      local mid, hi = math.min(lo + width, n), math.min(lo + 2 * width, n)
      merge(from, to, lo, mid, hi)
      done = done + hi - lo
      if done >= PIECE then
        done = 0
        pace.pause()
      end
    end
    from, to, width = to, from, 2 * width
  end
  return from
end

return M
