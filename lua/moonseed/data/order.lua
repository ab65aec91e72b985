--- In which order an epoch has its examples, and which.
local check = require "moonseed.check"
local moon = require "moonseed"
local rows = require "moonseed.data.rows"

local M = {}

-- Each class as often as the others.
local function balanced(dataset)
  local y = dataset.y
  if not y or y:dtype() ~= "i64" then
    check.fail("batches", 'weights = "balanced" needs class ids')
  end
  local labels, count, weights = y:totable(), {}, {}
  for _, label in ipairs(labels) do count[label] = (count[label] or 0) + 1 end
  for i, label in ipairs(labels) do weights[i] = 1 / count[label] end
  return weights
end

--- The weights of the examples as a tensor, from an option; nil without.
---@param dataset userdata
---@param weights any  a list, a tensor, "balanced" or nil
---@return userdata? f64 or f32 [N]
function M.weights(dataset, weights)
  if weights == nil then return nil end
  if weights == "balanced" then
    local kept = dataset.kept
    kept.balanced = kept.balanced
      or moon.tensor(balanced(dataset), { dtype = "f64" })
    return kept.balanced
  end
  if type(weights) == "table" then
    weights = moon.tensor(weights, { dtype = "f64" })
  elseif not moon.is_tensor(weights) then
    check.fail("batches", 'weights is a list, a tensor or "balanced", not %s',
               tostring(weights))
  end
  local n = weights:numel()
  if n ~= #dataset then
    check.fail("batches", "%d weights for %d examples", n, #dataset)
  end
  return weights:reshape(-1)
end

--- The examples of this epoch, from the context's generator.
---@param dataset userdata
---@param o table  shuffle, weights (a tensor or nil), samples
---@return table pick
function M.pick(dataset, o)
  if o.weights then
    return { tensor = moon.multinomial(o.weights, o.samples) }
  end
  if o.shuffle then return { tensor = moon.randperm(#dataset) } end
  return rows.all(#dataset)
end

return M
