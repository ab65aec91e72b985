--- `bandit` in a policy: which blueprint next, from what became of the others.
--
--   return bandit.plant(life.advance(view, options), view, options,
--                       bandit.ucb)
--
-- Arms are the blueprints of the view. The reward of an outcome is, when
-- fossilized, its contribution (0 where none was measured), and when pruned,
-- -prune_cost. Rewards are scaled to [0, 1] between `low` and `high`, by
-- default the smallest (at most 0) and the largest in the window. An outcome
-- counts with the weight decay^(outcomes after it); those before the last
-- `window` do not count (Garivier and Moulines 2011). Each arm is planted once
-- first; then a rule chooses, anew for every free slot.
-- Uses nothing of moonseed: a policy's thread loads it.

local life = require "moonseed.seed.policy.life"

local M = {}

--- Options that bandit.plant and bandit.arms read, and what they are unless
--- given. `low` and `high` are numbers, or "auto".
M.defaults = {
  window = 100, decay = 1, prune_cost = 0, low = "auto", high = "auto",
}

local function is_finite(x)
  return type(x) == "number" and x - x == 0
end

local function reward_of(outcome, options)
  if outcome.outcome ~= "fossilized" then return -options.prune_cost end
  return is_finite(outcome.contribution) and outcome.contribution or 0
end

-- The last outcomes: lists of blueprint and reward, unscaled, oldest first.
local function windowed(view, options)
  local names, rewards, outcomes = {}, {}, view.outcomes
  for i = math.max(1, #outcomes - options.window + 1), #outcomes do
    names[#names + 1] = outcomes[i].blueprint
    rewards[#rewards + 1] = reward_of(outcomes[i], options)
  end
  return names, rewards
end

local function range(rewards, options)
  local low, high = 0, 0
  for _, reward in ipairs(rewards) do
    low, high = math.min(low, reward), math.max(high, reward)
  end
  if options.low ~= "auto" then low = options.low end
  if options.high ~= "auto" then high = options.high end
  return low, high
end

local function scale(reward, low, high)
  if high <= low then return 0 end
  return math.max(0, math.min(1, (reward - low) / (high - low)))
end

--- The arms, in the order of view.blueprints: { name =, n = weight of its
--- outcomes, sum = of its scaled rewards, mean =, planted = how many of it
--- grow now }.
---@param view table
---@param options table
---@return table[]
function M.arms(view, options)
  local arms, by_name = {}, {}
  for i, name in ipairs(view.blueprints) do
    arms[i] = { name = name, n = 0, sum = 0, mean = 0, planted = 0 }
    by_name[name] = arms[i]
  end
  local names, rewards = windowed(view, options)
  local low, high = range(rewards, options)
  for i, name in ipairs(names) do
    local arm = by_name[name]
    if arm then
      local weight = options.decay ^ (#names - i)
      arm.n = arm.n + weight
      arm.sum = arm.sum + weight * scale(rewards[i], low, high)
    end
  end
  for _, arm in ipairs(arms) do
    if arm.n > 0 then arm.mean = arm.sum / arm.n end
  end
  for _, seed in ipairs(view.slots) do
    local arm = life.is_live(seed) and by_name[seed.blueprint]
    if arm then arm.planted = arm.planted + 1 end
  end
  return arms
end

-- The arm with the largest score, the first of equals.
local function best_by(arms, score)
  local best, most
  for _, arm in ipairs(arms) do
    local value = score(arm)
    if not best or value > most then best, most = arm, value end
  end
  return best
end

local function with_outcomes(arms)
  local result = {}
  for _, arm in ipairs(arms) do
    if arm.n > 0 then result[#result + 1] = arm end
  end
  return result
end

--- UCB1 (Auer, Cesa-Bianchi and Fischer 2002): the largest
--- mean + c sqrt(2 ln N / n), N the sum of all n; c is 1 there.
---@param arms table[]     each with n > 0
---@param options table    exploration = c
---@return table|nil arm
function M.ucb(arms, options)
  local total = 0
  for _, arm in ipairs(arms) do total = total + arm.n end
  local log_total = math.max(0, math.log(total))
  return best_by(arms, function(arm)
    return arm.mean + options.exploration * math.sqrt(2 * log_total / arm.n)
  end)
end

local function greedy(arms)
  return best_by(arms, function(arm) return arm.mean end)
end

-- A standard normal number (Box and Muller 1958).
local function normal(random)
  return math.sqrt(-2 * math.log(1 - random()))
    * math.cos(2 * math.pi * random())
end

-- Gamma with this shape, at least 1, and scale 1 (Marsaglia and Tsang 2000).
local function gamma(random, shape)
  local d = shape - 1 / 3
  local c = 1 / math.sqrt(9 * d)
  while true do
    local x = normal(random)
    local v = (1 + c * x) ^ 3
    if v > 0 and math.log(1 - random()) < x * x / 2 + d - d * v
        + d * math.log(v) then
      return d * v
    end
  end
end

local function pick(random, arms, weights)
  local total = 0
  for i = 1, #arms do total = total + weights[i] end
  local left = random() * total
  for i = 1, #arms do
    left = left - weights[i]
    if left < 0 then return arms[i] end
  end
  return arms[#arms]
end

-- The rules that draw random numbers.
local function random_rules(random)
  local rules = {}

  -- Thompson sampling (Agrawal and Goyal 2012): the largest of one draw each
  -- from Beta(1 + sum, 1 + n - sum).
  function rules.thompson(arms)
    return best_by(arms, function(arm)
      local a = gamma(random, 1 + arm.sum)
      local b = gamma(random, 1 + math.max(0, arm.n - arm.sum))
      return a / (a + b)
    end)
  end

  -- Any arm with probability `epsilon`, else the best mean.
  function rules.epsilon_greedy(arms, options)
    if random() < options.epsilon then return arms[random(#arms)] end
    return greedy(arms)
  end

  -- Boltzmann: with probabilities in proportion to exp(mean / temperature).
  function rules.softmax(arms, options)
    local top, weights = greedy(arms).mean, {}
    for i, arm in ipairs(arms) do
      weights[i] = math.exp((arm.mean - top) / options.temperature)
    end
    return pick(random, arms, weights)
  end

  -- Every arm alike.
  function rules.uniform(arms)
    return arms[random(#arms)]
  end

  return rules
end

-- The first arm of which nothing is known and nothing grows.
local function untried(arms)
  for _, arm in ipairs(arms) do
    if arm.n == 0 and arm.planted == 0 then return arm end
  end
end

--- The arm to plant next: one not tried yet, else the rule's; nil where there
--- is none. While all that is known of an arm is that it grows, the rule
--- chooses among the others.
---@param arms table[]
---@param options table
---@param rule fun(arms: table[], options: table): table
---@return table|nil arm
---@return string|nil why
function M.choose(arms, options, rule)
  local first = untried(arms)
  if first then return first, "not tried yet" end
  local known = with_outcomes(arms)
  if #known == 0 then return nil end
  local arm = rule(known, options)
  return arm, ("mean reward %.3g of %.3g outcomes"):format(arm.mean, arm.n)
end

--- Adds to `actions` the planting of an arm in each free slot.
---@param actions table[]
---@param view table
---@param options table  those of `life` and of the rule, and M.defaults
---@param rule fun(arms: table[], options: table): table
---@return table[] actions
function M.plant(actions, view, options, rule)
  local arms = M.arms(view, options)
  for _, seed in ipairs(life.free(view, options)) do
    local arm, why = M.choose(arms, options, rule)
    if not arm then break end
    arm.planted = arm.planted + 1
    actions[#actions + 1] = life.plant(seed, arm.name, why)
  end
  return actions
end

--- As life.options, with M.defaults too.
---@param config table|nil
---@param defaults table|nil
---@return table
function M.options(config, defaults)
  local all = {}
  for name, value in next, M.defaults do all[name] = value end
  for name, value in next, defaults or {} do all[name] = value end
  return life.options(config, all)
end

--- The library for a policy: M's functions, and the rules `thompson`,
--- `epsilon_greedy`, `softmax` and `uniform`, with random numbers from
--- `random`.
---@param random fun(low: integer?, high: integer?): number  as math.random
---@return table
function M.new(random)
  local library = random_rules(random)
  for name, value in next, M do library[name] = value end
  library.new = nil
  return library
end

return M
