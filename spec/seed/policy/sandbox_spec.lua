local policy = require "support.policy"
local task = require "support.task"
local random = require "moonseed.seed.policy.random"

-- What an expression is worth inside a policy, as text.
local function value(expression)
  local host = policy.start(policy.text("return { { slot = 'early', "
    .. "action = 'prune', why = tostring(" .. expression .. ") } }"))
  local actions, why = policy.ask(host)
  return actions and actions[1].why or "failed: " .. why
end

describe("inside a policy", function()
  before_each(policy.open)
  after_each(policy.close)

  for _, name in ipairs{ "os", "io", "require", "package", "debug", "ffi",
                         "jit", "load", "loadstring", "dofile", "getfenv",
                         "setfenv", "coroutine", "xpcall", "newproxy",
                         "collectgarbage" } do
    it("there is no " .. name, task(function()
      assert.matches("there is no global '" .. name .. "'", value(name))
    end))
  end

  it("there are the safe libraries", task(function()
    assert.equal("4 b 7 1,2 true", value("math.floor(4.5) .. ' ' .. "
      .. "('abc'):sub(2, 2) .. ' ' .. bit.bor(3, 4) .. ' ' .. "
      .. "table.concat({ 1, 2 }, ',') .. ' ' .. tostring(pcall(type, 1))"))
    assert.equal("nil", value "string.dump")
    assert.equal("nil", value "math.randomseed")
  end))

  it("the metatable of strings and the globals are out of reach",
     task(function()
    assert.equal("false", value "getmetatable('')")
    assert.equal("false", value "getmetatable(_G)")
  end))

  it("a global cannot be assigned", task(function()
    local host = policy.start(policy.text "count = 1")
    local _, why = policy.ask(host)
    assert.matches("'count' is not local; what a policy remembers belongs in "
                   .. "its state", why)
  end))

  it("pairs goes in a fixed order", task(function()
    assert.equal("1 2 a b c", value("(function() local t = {} for k in "
      .. "pairs{ c = 1, a = 1, b = 1, 5, 6 } do t[#t + 1] = k end "
      .. "return table.concat(t, ' ') end)()"))
  end))
end)

describe("a policy's random numbers", function()
  it("are uniform", function()
    local draw, sum, squares, n = random.generator(random.new(1)), 0, 0, 20000
    for _ = 1, n do
      local u = draw()
      assert.is_true(u >= 0 and u < 1)
      sum, squares = sum + u, squares + u * u
    end
    -- Five standard errors of the mean, and of the mean square.
    assert.near(1 / 2, sum / n, 5 * math.sqrt(1 / 12 / n))
    assert.near(1 / 3, squares / n, 5 * math.sqrt(4 / 45 / n))
  end)

  it("are those of xoshiro128++", function()
    -- The first output for the state 1, 2, 3, 4 is rol(1 + 4, 7) + 1 = 641.
    local words = { 1, 2, 3, 4 }
    assert.equal(math.floor(641 / 32), math.floor(random.uniform(words) * 2^27))
  end)

  it("cover a range and its ends", function()
    local draw, seen = random.generator(random.new(2)), {}
    for _ = 1, 200 do seen[draw(3, 5)] = true end
    assert.same({ [3] = true, [4] = true, [5] = true }, seen)
    assert.equal(1, draw(1))
  end)

  it("differ between seeds that differ in any bit", function()
    local seen = {}
    for i = 0, 53 do
      local words = table.concat(random.new(2 ^ i), " ")
      assert.is_nil(seen[words])
      seen[words] = true
    end
  end)
end)
