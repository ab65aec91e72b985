local library = require "moonseed.seed.policy.bandit"
local random = require "moonseed.seed.policy.random"

local bandit = library.new(random.generator(random.new(1)))

local function view(outcomes, slots)
  return { blueprints = { "a", "b", "c" }, epoch = 1, outcomes = outcomes or {},
           slots = slots or {} }
end

local function fossil(name, contribution)
  return { blueprint = name, outcome = "fossilized",
           contribution = contribution }
end

local function pruned(name)
  return { blueprint = name, outcome = "pruned", contribution = -1 }
end

local function arms(outcomes, config, slots)
  return bandit.arms(view(outcomes, slots), bandit.options(config))
end

describe("bandit.arms", function()
  it("rewards a fossil with its contribution, scaled to [0, 1]", function()
    local list = arms{ fossil("a", 0.04), fossil("b", 0.01),
                       fossil("b", 0.03) }
    assert.equal(1, list[1].mean)
    assert.near(0.5, list[2].mean, 1e-12)
    assert.equal(2, list[2].n)
    assert.equal(0, list[3].n)
  end)

  it("scales a negative contribution from the smallest", function()
    local list = arms{ fossil("a", -0.02), fossil("b", 0.02), pruned "c" }
    assert.equal(0, list[1].mean)
    assert.equal(1, list[2].mean)
    assert.equal(0.5, list[3].mean)
  end)

  it("rewards what was not measured with nothing", function()
    local list = arms{ fossil("a", nil), fossil("b", 0.1),
                       fossil("c", 0 / 0) }
    assert.equal(0, list[1].mean)
    assert.equal(0, list[3].mean)
  end)

  it("charges the cost of a pruning", function()
    local list = arms({ fossil("a", 0.1), fossil("b", 0), pruned "c" },
                      { prune_cost = 0.1 })
    assert.equal(0.5, list[2].mean)
    assert.equal(0, list[3].mean)
  end)

  it("scales between low and high where they are given", function()
    local list = arms({ fossil("a", 0.5), fossil("b", 9), fossil("c", -9) },
                      { low = 0, high = 2 })
    assert.equal(0.25, list[1].mean)
    assert.equal(1, list[2].mean)
    assert.equal(0, list[3].mean)
  end)

  it("decays with every later outcome", function()
    local list = arms({ fossil("a", 1), fossil("a", 0), fossil("b", 1) },
                      { decay = 0.5 })
    assert.equal(0.75, list[1].n)
    assert.near(0.25 / 0.75, list[1].mean, 1e-12)
    assert.equal(1, list[2].n)
  end)

  it("forgets what is before the window", function()
    local list = arms({ fossil("a", 1), fossil("b", 1), fossil("c", 1) },
                      { window = 2 })
    assert.equal(0, list[1].n)
    assert.equal(1, list[2].n)
  end)
end)

describe("bandit.choose", function()
  local options = bandit.options(nil, { exploration = 1, epsilon = 0,
                                        temperature = 0.1 })

  it("takes each arm once first, in order", function()
    local outcomes, chosen = {}, {}
    for i = 1, 3 do
      local arm = bandit.choose(arms(outcomes), options, bandit.ucb)
      chosen[i] = arm.name
      outcomes[i] = fossil(arm.name, 1)
    end
    assert.same({ "a", "b", "c" }, chosen)
  end)

  it("passes over an untried arm that grows already", function()
    local growing = { { stage = "TRAINING", blueprint = "a" } }
    assert.equal("b", bandit.choose(arms({}, nil, growing), options,
                                    bandit.ucb).name)
    local list = arms({ fossil("b", 1), fossil("c", 0.5) }, nil, growing)
    assert.equal("b", bandit.choose(list, options, bandit.epsilon_greedy).name)
  end)

  it("chooses nothing where there is nothing", function()
    assert.is_nil(bandit.choose({}, options, bandit.ucb))
    local growing = { { stage = "TRAINING", blueprint = "a" },
                      { stage = "TRAINING", blueprint = "b" },
                      { stage = "TRAINING", blueprint = "c" } }
    assert.is_nil(bandit.choose(arms({}, nil, growing), options, bandit.ucb))
  end)
end)

describe("the bandits' rules", function()
  local list = { { name = "a", n = 10, sum = 6, mean = 0.6 },
                 { name = "b", n = 2, sum = 1, mean = 0.5 },
                 { name = "c", n = 4, sum = 1, mean = 0.25 } }

  -- How often each is chosen.
  local function shares(rule, options)
    local counts, n = { a = 0, b = 0, c = 0 }, 4000
    for _ = 1, n do
      local name = rule(list, options).name
      counts[name] = counts[name] + 1
    end
    for name, count in pairs(counts) do counts[name] = count / n end
    return counts
  end

  -- UCB1's bounds are 0.6 + c sqrt(2 ln 16 / 10) = 0.6 + 0.745 c,
  -- 0.5 + 1.665 c and 0.25 + 1.177 c.
  it("of UCB1 is the largest upper bound", function()
    assert.equal("a", bandit.ucb(list, { exploration = 0.1 }).name)
    assert.equal("a", bandit.ucb(list, { exploration = 0.108 }).name)
    assert.equal("b", bandit.ucb(list, { exploration = 0.110 }).name)
    assert.equal("b", bandit.ucb(list, { exploration = 1 }).name)
  end)

  it("of epsilon-greedy is the best mean, or any", function()
    local counts = shares(bandit.epsilon_greedy, { epsilon = 0.3 })
    assert.near(0.8, counts.a, 0.03)
    assert.near(0.1, counts.b, 0.03)
    assert.near(0.1, counts.c, 0.03)
  end)

  it("of softmax is in proportion to exp(mean / temperature)", function()
    local counts = shares(bandit.softmax, { temperature = 0.2 })
    local weights = { math.exp(3), math.exp(2.5), math.exp(1.25) }
    local total = weights[1] + weights[2] + weights[3]
    assert.near(weights[1] / total, counts.a, 0.04)
    assert.near(weights[2] / total, counts.b, 0.04)
    assert.near(weights[3] / total, counts.c, 0.04)
  end)

  -- For x of Beta(2, 2) and y of Beta(2, 4), P(x > y) is the integral of
  -- 6 x (1 - x) (1 - (1 - x)^5 - 5 x (1 - x)^4) over [0, 1]:
  -- 1 - 6 B(2, 7) - 30 B(3, 6).
  it("of Thompson is the largest of draws from Beta", function()
    local two = { { name = "b", n = 2, sum = 1 },
                  { name = "c", n = 4, sum = 1 } }
    local wins, n = 0, 4000
    for _ = 1, n do
      if bandit.thompson(two, {}).name == "b" then wins = wins + 1 end
    end
    assert.near(1 - 6 / 56 - 30 / 168, wins / n, 0.04)
  end)
end)
