--- The rate over a run, as a share of the optimiser's first rate; `part` of the
--- run is in [0, 1).
--
--   constant    1
--   cosine      (1 + cos(pi part)) / 2
--   one_cycle   up along a line for the first quarter, then a cosine
--               (Smith and Topin 2018)

local check = require "moonseed.check"

local M = {}

local function cosine(part) return (1 + math.cos(math.pi * part)) / 2 end

M.named = {
  constant = function() return 1 end,
  cosine = cosine,
  one_cycle = function(part)
    if part < 0.25 then return part / 0.25 end
    return cosine((part - 0.25) / 0.75)
  end,
}

--- A schedule by name, or a function of your own.
---@param op string
---@param given string|function
---@return fun(part: number): number
function M.of(op, given)
  if type(given) == "function" then return given end
  local fn = M.named[given]
  if not fn then
    check.fail(op, "no schedule '%s' (constant, cosine, one_cycle)",
               tostring(given))
  end
  return fn
end

return M
