--- Gates: what has to be measured, and how large, before a seed may advance.
--- A quantity that was not measured is nil, and its check fails.
--
--   G0  into TRAINING     the module is the identity at birth, all finite
--   G2  into BLENDING     it beats a bare head on held-out features, is old
--                         enough, and its gradients are of the host's order
--   G3  into HOLDING      alpha is on its target
--   G5  into FOSSILIZED   the model is worse without it (contribution.lua)

local check = require "moonseed.check"

local M = {}

--- The one table of thresholds.
---   deviation     max |seed(x) - x| / max(1, max |x|) at birth
---   improvement   1 - shadow loss / bare head's loss, held out
---   age           steps in TRAINING
---   ratio_low, ratio_high   of root mean square gradients, seed / host
---   contribution  points of validation accuracy (0.01 is one per cent)
---   errors        ops of the seed that failed
M.thresholds = {
  strict = { deviation = 1e-6, improvement = 0.05, age = 200,
             ratio_low = 1e-3, ratio_high = 1e3, contribution = 0.002,
             errors = 0 },
  permissive = { deviation = 1e-6, improvement = 0, age = 20,
                 ratio_low = 1e-6, ratio_high = 1e6, contribution = 0,
                 errors = 0 },
}

-- What a check reads, and how it compares: value, limit -> whether it passes.
local function at_least(value, limit) return value >= limit end
local function at_most(value, limit) return value <= limit end

local checks = {
  G0 = { { "deviation", "deviation", at_most, "at most" },
         { "errors", "errors", at_most, "at most" } },
  G2 = { { "improvement", "improvement", at_least, "at least" },
         { "age", "age", at_least, "at least" },
         { "gradient_ratio", "ratio_low", at_least, "at least" },
         { "gradient_ratio", "ratio_high", at_most, "at most" },
         { "errors", "errors", at_most, "at most" } },
  G3 = { { "distance", nil, function(v) return v == 0 end, "of" } },
  G5 = { { "contribution", "contribution", at_least, "at least" },
         { "errors", "errors", at_most, "at most" } },
}

--- The gate before each stage.
M.before = { TRAINING = "G0", BLENDING = "G2", HOLDING = "G3",
             FOSSILIZED = "G5" }

--- A table of thresholds by name, or one of your own over `strict`.
---@param given string|table|nil  "strict" (default), "permissive"
---@return table
function M.table_of(given)
  if type(given) ~= "table" then
    local named = M.thresholds[given or "strict"]
    if not named then
      check.fail("Garden", "no gates '%s' (permissive, strict)",
                 tostring(given))
    end
    return named
  end
  local own = {}
  for name, value in pairs(M.thresholds.strict) do own[name] = value end
  for name, value in pairs(given) do
    if own[name] == nil then
      check.fail("Garden", "no threshold '%s' of gates", tostring(name))
    end
    own[name] = check.number("Garden", "gates." .. name, value)
  end
  return own
end

-- NaN passes nothing: every comparison with it is false.
local function judge(value, limit, row)
  local name, _, passes, words = unpack(row)
  if value == nil then return false, name .. " was not measured" end
  return passes(value, limit), ("%s %.4g, %s %.4g"):format(
    name:gsub("_", " "), value, words, limit)
end

--- What was measured of a seed, by the names that checks use.
---@param seed table
---@return table<string, number>
function M.measured(seed)
  return {
    deviation = seed.deviation, improvement = seed.improvement,
    age = seed.measures:age(seed.row), gradient_ratio = seed.gradient_ratio,
    errors = seed:errors(), contribution = seed.contribution,
    distance = math.abs(seed:alpha() - seed.schedule.to),
  }
end

--- Asks a gate about a seed.
---@param gate string       "G0", "G2", "G3", "G5"
---@param measured table    see `measured`
---@param thresholds table
---@return boolean passed
---@return table note  gate, passed and failed: the checks' texts
function M.ask(gate, measured, thresholds)
  local note = { gate = gate, passed = {}, failed = {} }
  for _, row in ipairs(checks[gate]) do
    local limit = row[2] and thresholds[row[2]] or 0
    local good, text = judge(measured[row[1]], limit, row)
    table.insert(good and note.passed or note.failed, text)
  end
  return #note.failed == 0, note
end

return M
