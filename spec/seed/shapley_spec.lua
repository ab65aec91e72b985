-- Shapley values: the axioms, and the definition by all orders.
local shapley = require "moonseed.seed.shapley"

-- A game of n players with a random worth of each coalition.
local function random_game(n, rng_seed)
  local rng, worth = shapley.rng(rng_seed), {}
  for coalition = 0, shapley.all(n) do worth[coalition] = rng(1000) / 1000 end
  return function(coalition) return worth[coalition] end
end

-- Calls visit(order) with every order of 1 to n.
local function each_order(n, visit, order, used)
  order, used = order or {}, used or {}
  if #order == n then return visit(order) end
  for i = 1, n do
    if not used[i] then
      used[i], order[#order + 1] = true, i
      each_order(n, visit, order, used)
      used[i], order[#order] = nil, nil
    end
  end
end

-- The mean rise over all orders.
local function brute_force(n, value)
  local sums, n_orders = {}, 0
  for i = 1, n do sums[i] = 0 end
  each_order(n, function(order)
    local coalition = 0
    n_orders = n_orders + 1
    for _, i in ipairs(order) do
      local after = coalition + 2 ^ (i - 1)
      sums[i] = sums[i] + value(after) - value(coalition)
      coalition = after
    end
  end)
  for i = 1, n do sums[i] = sums[i] / n_orders end
  return sums
end

local function sum(list)
  local total = 0
  for _, x in ipairs(list) do total = total + x end
  return total
end

local function members(coalition, n)
  local size = 0
  for i = 1, n do size = size + (shapley.has(coalition, i) and 1 or 0) end
  return size
end

describe("shapley.exact", function()
  it("is the mean over all orders", function()
    for n = 1, 5 do
      local value = random_game(n, n)
      local phi = shapley.exact(n, value)
      for i, expected in ipairs(brute_force(n, value)) do
        assert.near(expected, phi[i], 1e-12)
      end
    end
  end)

  it("shares out what all are worth more than none (efficiency)", function()
    for n = 0, 8 do
      local value = random_game(n, 40 + n)
      assert.near(value(shapley.all(n)) - value(0),
                  sum((shapley.exact(n, value))), 1e-12)
    end
  end)

  it("gives players who are worth the same the same (symmetry)", function()
    local phi = shapley.exact(4, function(c) return members(c, 4) ^ 2 end)
    for i = 1, 4 do assert.near(4, phi[i], 1e-12) end
  end)

  it("gives who adds nothing nothing (dummy)", function()
    local value = random_game(3, 9)
    local phi = shapley.exact(4, function(c) return value(c % 8) end)
    assert.near(0, phi[4], 1e-15)
    assert.same(shapley.exact(3, value)[1] > 0, phi[1] > 0)
  end)

  it("asks for each coalition once", function()
    local asked = {}
    shapley.exact(4, function(c) asked[#asked + 1] = c return 0 end)
    table.sort(asked)
    assert.equal(16, #asked)
    for k = 1, 16 do assert.equal(k - 1, asked[k]) end
  end)

  it("says what pairs are worth more together than apart", function()
    -- 1 and 2 count only together; 3 is worth 2 by itself.
    local function value(c)
      local both = shapley.has(c, 1) and shapley.has(c, 2)
      return (both and 5 or 0) + (shapley.has(c, 3) and 2 or 0)
    end
    local phi, pairs_of = shapley.exact(3, value)
    assert.near(2.5, phi[1], 1e-12)
    assert.near(2, phi[3], 1e-12)
    assert.near(5, pairs_of[1][2], 1e-12)
    assert.near(0, pairs_of[1][3], 1e-12)
    assert.near(0, pairs_of[2][3], 1e-12)
  end)

  it("counts a pair's interaction as the difference of differences",
     function()
       local value = random_game(2, 3)
       local _, pairs_of = shapley.exact(2, value)
       assert.near(value(3) - value(2) - value(1) + value(0),
                   pairs_of[1][2], 1e-15)
     end)

  it("refuses too many players", function()
    assert.error_matches(function() shapley.exact(17, math.abs) end,
                         "17 players, at most 16 without sampling")
  end)
end)

describe("shapley.sampled", function()
  it("shares out what all are worth more than none, in any sample",
     function()
       local value = random_game(6, 5)
       local phi = shapley.sampled(6, value, 3, shapley.rng(1))
       assert.near(value(63) - value(0), sum(phi), 1e-12)
     end)

  it("comes near the exact values, as its errors say", function()
    local value = random_game(5, 8)
    local exact = shapley.exact(5, value)
    local phi, errors = shapley.sampled(5, value, 4000, shapley.rng(2))
    for i = 1, 5 do
      assert.is_true(errors[i] > 0 and errors[i] < 0.02)
      assert.near(exact[i], phi[i], 4 * errors[i])
    end
  end)

  it("states the standard error of the mean", function()
    -- Player 1 is worth 1 if it comes first, else 0: a coin.
    local function value(c) return c > 0 and 1 or 0 end
    local phi, errors = shapley.sampled(2, value, 400, shapley.rng(3))
    local spread = math.sqrt(phi[1] * (1 - phi[1]) / 399)
    assert.near(spread, errors[1], 1e-12)
  end)

  it("has no error where every order says the same", function()
    local phi, errors = shapley.sampled(
      7, function(c) return 3 * members(c, 7) end, 10, shapley.rng(4))
    assert.same({ 3, 3, 3, 3, 3, 3, 3 }, phi)
    assert.same({ 0, 0, 0, 0, 0, 0, 0 }, errors)
  end)

  it("gives no error for one order", function()
    local _, errors = shapley.sampled(2, math.abs, 1, shapley.rng(1))
    assert.same({}, errors)
  end)

  it("takes 52 players", function()
    local phi = shapley.sampled(52, function(c) return members(c, 52) end, 2,
                                shapley.rng(1))
    assert.equal(52, #phi)
    assert.equal(1, phi[52])
    assert.error_matches(function()
      shapley.sampled(53, math.abs, 2, shapley.rng(1))
    end, "53 players, at most 52")
  end)
end)

describe("shapley.rng", function()
  it("depends on its seed alone, and leaves math.random alone", function()
    local function draw(rng_seed)
      local rng, list = shapley.rng(rng_seed), {}
      for k = 1, 20 do list[k] = rng(100) end
      return list
    end
    math.randomseed(5)
    local expected = math.random()
    math.randomseed(5)
    assert.same(draw(1), draw(1))
    assert.are_not.same(draw(1), draw(2))
    assert.equal(expected, math.random())
  end)

  it("is uniform", function()
    local rng, counts = shapley.rng(0), { 0, 0, 0, 0, 0 }
    for _ = 1, 5000 do
      local k = rng(5)
      counts[k] = counts[k] + 1
    end
    for k = 1, 5 do assert.near(1000, counts[k], 120) end
  end)
end)
