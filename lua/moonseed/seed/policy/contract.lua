--- What a policy file must return, and what its decide may.
--
--   local policy = { name = "mine", version = 1 }
--   function policy.init(config) return {} end             -- optional: a state
--   function policy.decide(state, view) return actions, state end -- or none
--   function policy.migrate(state, from_version) return state end  -- optional
--   return policy
--
-- A state is a table of numbers, strings, booleans and tables of them; decide
-- may change it in place. It is carried over when the file changes; with
-- another version, through migrate. What was not measured is absent in a view:
--
--   view = { version = 1, step =, epoch =,
--     host = { valid_loss =, valid_accuracy =, parameters =,
--              valid_losses = { one per epoch, oldest first } },
--     blueprints = { names that may be planted },
--     slots = { { name =, seed = 1, stage =, alpha =, target =, age_steps =,
--       age_epochs = in this stage, blueprint =, contribution =,
--       improvement =, gradient_ratio =, shadow_loss =, errors =, failed =,
--       embargo_left =, gate = "G2", gate_passed =, gate_failed = { texts }
--     } },
--     outcomes = { oldest first: { slot =, blueprint =, contribution =, step =,
--                  epoch =, outcome = "fossilized" | "pruned" } } }
--
--   actions = { { slot =, seed = 1 unless given, why =, action = "germinate" |
--     "advance" | "prune" | "fossilize" | "retarget", blueprint = to germinate,
--     target = alpha in [0, 1] } }
--
-- Violations raise a plain text. Whether a seed may advance now is the
-- garden's to judge; here it is names and types.
-- Uses nothing of moonseed: a policy's thread loads it.

local M = {}

local function fail(text, ...)
  error(text:format(...), 0)
end

-- "a table", "nothing", "the number 3", "'abc'".
local function describe(value)
  if value == nil then return "nothing" end
  if type(value) == "string" then return ("'%s'"):format(value) end
  if type(value) == "number" then return ("the number %g"):format(value) end
  if type(value) == "boolean" then return tostring(value) end
  return "a " .. type(value)
end

local function is_count(value)
  return type(value) == "number" and value >= 1 and value % 1 == 0
    and value < 2 ^ 53
end

--- Checks what a policy's file returned.
---@param policy any
---@return table policy
function M.policy(policy)
  if type(policy) ~= "table" then
    fail("a policy file returns a table, not %s", describe(policy))
  end
  if type(policy.name) ~= "string" then
    fail("policy.name is a string, not %s", describe(policy.name))
  end
  if not is_count(policy.version) then
    fail("policy.version is a whole number of at least 1, not %s",
         describe(policy.version))
  end
  if type(policy.decide) ~= "function" then
    fail("policy.decide is a function, not %s", describe(policy.decide))
  end
  for _, name in ipairs{ "init", "migrate" } do
    local value = policy[name]
    if value ~= nil and type(value) ~= "function" then
      fail("policy.%s is a function or nothing, not %s", name, describe(value))
    end
  end
  return policy
end

--- Checks a state: a table.
---@param state any
---@param what string  who returned it
---@return table state
function M.state(state, what)
  if type(state) ~= "table" then
    fail("%s returns a state, a table, not %s", what, describe(state))
  end
  return state
end

local kinds = { germinate = true, advance = true, prune = true,
                fossilize = true, retarget = true }

local fields = { slot = "string", seed = "number", action = "string",
                 blueprint = "string", target = "number", why = "string" }

local function check_fields(action, i)
  if type(action) ~= "table" then
    fail("action %d is a table, not %s", i, describe(action))
  end
  for key, value in next, action do
    local wanted = fields[key]
    if not wanted then
      fail("action %d has an unknown field '%s' (known: slot, seed, action, "
           .. "blueprint, target, why)", i, tostring(key))
    end
    if type(value) ~= wanted then
      fail("action %d: %s is a %s, not %s", i, key, wanted, describe(value))
    end
  end
  if not kinds[action.action] then
    fail("action %d: no action %s (known: germinate, advance, prune, "
         .. "fossilize, retarget)", i, describe(action.action))
  end
end

local function contains(list, value)
  for _, entry in ipairs(list) do
    if entry == value then return true end
  end
  return false
end

local function check_place(action, i, view)
  for _, slot in ipairs(view.slots) do
    if slot.name == action.slot and (slot.seed or 1) == action.seed then
      return
    end
  end
  fail("action %d: there is no slot %s with a seed %s", i,
       describe(action.slot), tostring(action.seed))
end

local function check_details(action, i, view)
  if action.action == "germinate" then
    if not contains(view.blueprints, action.blueprint) then
      fail("action %d: there is no blueprint %s", i,
           describe(action.blueprint))
    end
  elseif action.blueprint ~= nil then
    fail("action %d: only germinate takes a blueprint", i)
  end
  local target = action.target
  if target ~= nil and not (target >= 0 and target <= 1) then
    fail("action %d: target is from 0 to 1, not %g", i, target)
  end
  if action.action == "retarget" and target == nil then
    fail("action %d: retarget needs a target", i)
  end
end

--- Checks what decide returned. Every seed has at most one action.
---@param actions any
---@param view table   what it was asked about
---@return table[]     copies, with `seed` filled in
function M.actions(actions, view)
  if actions == nil then return {} end
  if type(actions) ~= "table" then
    fail("decide returns a list of actions, not %s", describe(actions))
  end
  local n, result, taken = 0, {}, {}
  for _ in next, actions do n = n + 1 end
  if n ~= #actions then
    fail("decide returns a list of actions; this table has names or gaps")
  end
  for i, action in ipairs(actions) do
    check_fields(action, i)
    local copy = { seed = 1 }
    for key, value in next, action do copy[key] = value end
    check_place(copy, i, view)
    check_details(copy, i, view)
    local place = copy.slot .. "\0" .. copy.seed
    if taken[place] then
      fail("action %d: slot '%s' has an action already", i, copy.slot)
    end
    taken[place], result[i] = true, copy
  end
  return result
end

return M
