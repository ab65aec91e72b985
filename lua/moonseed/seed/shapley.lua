--- What each of n players adds to a game (Shapley 1953): the mean, over all
--- orders in which they may come, of what the value rises when one comes.
---
--- A coalition is a whole number whose bit i - 1 says whether player i is in
--- it; `value` gives a coalition's worth, a number. Pure functions.
local check = require "moonseed.check"

local M = {}

local MOST_EXACT = 16  -- 65,536 coalitions
local MOST = 52        -- bits that a number holds exactly

-- The bit of player i.
local bit_of = {}
for i = 1, MOST do bit_of[i] = 2 ^ (i - 1) end

local function has(coalition, i)
  return coalition % (2 * bit_of[i]) >= bit_of[i]
end

--- The coalition of all n players.
---@param n integer
---@return integer
function M.all(n) return 2 ^ n - 1 end

--- Whether player i is in the coalition.
---@param coalition integer
---@param i integer
---@return boolean
function M.has(coalition, i) return has(coalition, i) end

--- The coalition without player i, who is in it.
---@param coalition integer
---@param i integer
---@return integer
function M.without(coalition, i) return coalition - bit_of[i] end

local function size_of(coalition, n)
  local size = 0
  for i = 1, n do
    if has(coalition, i) then size = size + 1 end
  end
  return size
end

local function factorial(k)
  local product = 1
  for i = 2, k do product = product * i end
  return product
end

-- By size s of a coalition of some of n: s! (n - 1 - s)! / n!, the share of
-- orders in which exactly these come before a given other.
local function order_weights(n)
  local weights = {}
  for s = 0, n - 1 do
    weights[s] = factorial(s) * factorial(n - 1 - s) / factorial(n)
  end
  return weights
end

-- All coalitions' values, by coalition.
local function evaluate(n, value)
  local values = {}
  for coalition = 0, M.all(n) do values[coalition] = value(coalition) end
  return values
end

local function phi_of(n, values)
  local weights, phi = order_weights(n), {}
  for i = 1, n do
    local sum = 0
    for coalition = 0, M.all(n) do
      if not has(coalition, i) then
        sum = sum + weights[size_of(coalition, n)]
          * (values[coalition + bit_of[i]] - values[coalition])
      end
    end
    phi[i] = sum
  end
  return phi
end

-- As for one player, with two as one: how much more they add together than
-- apart (Grabisch and Roubens 1999, the interaction index of pairs).
local function interaction(n, values, i, j)
  local weights, sum = order_weights(n - 1), 0
  local bi, bj = bit_of[i], bit_of[j]
  for coalition = 0, M.all(n) do
    if not has(coalition, i) and not has(coalition, j) then
      sum = sum + weights[size_of(coalition, n)]
        * (values[coalition + bi + bj] - values[coalition + bi]
           - values[coalition + bj] + values[coalition])
    end
  end
  return sum
end

--- From the values of all 2^n coalitions, each asked for once. The sum of phi
--- is value(all) - value(0).
---@param n integer at most 16
---@param value fun(coalition: integer): number
---@return number[] phi by player
---@return number[][] interactions [i][j] for i < j: above 0 where the two are
---                                worth more together than apart
function M.exact(n, value)
  check.count("shapley", "n", n)
  if n > MOST_EXACT then
    check.fail("shapley", "%d players, at most %d without sampling", n,
               MOST_EXACT)
  end
  local values, interactions = evaluate(n, value), {}
  for i = 1, n do
    interactions[i] = {}
    for j = i + 1, n do interactions[i][j] = interaction(n, values, i, j) end
  end
  return phi_of(n, values), interactions
end

-- A random order of 1 to n (Fisher and Yates).
local function shuffled(n, rng)
  local order = {}
  for i = 1, n do order[i] = i end
  for i = n, 2, -1 do
    local j = rng(i)
    order[i], order[j] = order[j], order[i]
  end
  return order
end

-- Takes one more number into a running mean (Welford 1962).
local function add_to(running, x, k)
  local off = x - running.mean
  running.mean = running.mean + off / k
  running.squares = running.squares + off * (x - running.mean)
end

local function summary(running, samples)
  local phi, errors = {}, {}
  for i, r in ipairs(running) do
    phi[i] = r.mean
    if samples > 1 then
      errors[i] = math.sqrt(r.squares / (samples - 1) / samples)
    end
  end
  return phi, errors
end

--- Estimates from random orders (Castro, Gomez and Tejada 2009). In every
--- order the players' shares sum to value(all) - value(0), so the estimates do.
---@param n integer at most 52
---@param value fun(coalition: integer): number may be asked more than once
---@param samples integer how many orders
---@param rng fun(k: integer): integer  uniform in 1 to k
---@return number[] phi
---@return number[] errors standard errors of phi; empty with one sample
function M.sampled(n, value, samples, rng)
  check.count("shapley", "n", n)
  check.count("shapley", "samples", samples, 1)
  if n > MOST then check.fail("shapley", "%d players, at most %d", n, MOST) end
  local running = {}
  for i = 1, n do running[i] = { mean = 0, squares = 0 } end
  for k = 1, samples do
    local coalition, before = 0, value(0)
    for _, i in ipairs(shuffled(n, rng)) do
      coalition = coalition + bit_of[i]
      local after = value(coalition)
      add_to(running[i], after - before, k)
      before = after
    end
  end
  return summary(running, samples)
end

local MODULUS, FACTOR = 2 ^ 31 - 1, 48271

--- Random numbers that depend on the seed alone: Lehmer's generator with the
--- constants of Park, Miller and Stockmeyer (1993). No other generator moves.
---@param rng_seed integer
---@return fun(k: integer): integer  uniform in 1 to k, for k far below 2^31
function M.rng(rng_seed)
  check.count("shapley", "rng_seed", rng_seed)
  local state = rng_seed % (MODULUS - 1) + 1
  local function draw(k)
    state = state * FACTOR % MODULUS
    return math.floor(state / MODULUS * k) + 1
  end
  for _ = 1, 8 do draw(1) end  -- small seeds start with small numbers
  return draw
end

return M
