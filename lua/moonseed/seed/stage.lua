--- The life of a seed: its stages, and the one table of what may follow what.
--
--   DORMANT      nothing is there
--   GERMINATED   built and checked; takes no part in anything
--   TRAINING     learns beside the host, which does not notice
--   BLENDING     its share of the host's features, alpha, moves to a target
--   HOLDING      alpha rests on its target
--   FOSSILIZED   a part of the host for good
--   PRUNED       taken out
--   EMBARGOED    its place stays empty for EMBARGO epochs
--   RESETTING    and for RESET more, after which it is DORMANT again

local check = require "moonseed.check"

local M = {}

--- Stages by number, as the core's slots keep them.
M.names = { [0] = "DORMANT", "GERMINATED", "TRAINING", "BLENDING", "HOLDING",
            "FOSSILIZED", "PRUNED", "EMBARGOED", "RESETTING" }

--- Numbers by stage.
M.number = {}
for number, name in pairs(M.names) do M.number[name] = number end

--- Epochs.
M.EMBARGO, M.RESET = 5, 1

--- What may follow each stage; BLENDING again is for another target.
M.after = {
  DORMANT = { "GERMINATED" },
  GERMINATED = { "TRAINING", "PRUNED" },
  TRAINING = { "BLENDING", "PRUNED" },
  BLENDING = { "HOLDING", "PRUNED" },
  HOLDING = { "FOSSILIZED", "BLENDING", "PRUNED" },
  FOSSILIZED = {},
  PRUNED = { "EMBARGOED" },
  EMBARGOED = { "RESETTING" },
  RESETTING = { "DORMANT" },
}

--- Where `advance` goes.
M.forward = { GERMINATED = "TRAINING", TRAINING = "BLENDING",
              BLENDING = "HOLDING", HOLDING = "FOSSILIZED" }

local has_module = { GERMINATED = true, TRAINING = true, BLENDING = true,
                     HOLDING = true, FOSSILIZED = true }
local is_blended = { BLENDING = true, HOLDING = true, FOSSILIZED = true }

--- Whether a seed in this stage has a module that may still be pruned.
---@param name string
---@return boolean
function M.is_live(name)
  return has_module[name] == true and name ~= "FOSSILIZED"
end

--- Whether a seed in this stage takes part in the host's forward.
---@param name string
---@return boolean
function M.is_blended(name) return is_blended[name] == true end

--- Whether `to` may follow `from`.
---@param from string
---@param to string
---@return boolean
function M.may(from, to)
  for _, name in ipairs(M.after[from]) do
    if name == to then return true end
  end
  return false
end

--- Raises unless `to` may follow `from`.
---@param who string   of whom the error speaks
---@param from string
---@param to string
function M.check(who, from, to)
  if M.may(from, to) then return end
  local known = table.concat(M.after[from], ", ")
  check.fail(who, "%s cannot follow %s (%s)", tostring(to), from,
             known == "" and "nothing does" or known .. " can")
end

return M
