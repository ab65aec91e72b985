-- Gates: which numbers let a seed advance; and what was not measured does not.

local gates = require "moonseed.seed.gate"

local healthy = { deviation = 0, improvement = 0.5, age = 1000,
                  gradient_ratio = 1, errors = 0, contribution = 0.1,
                  distance = 0 }

local function with(name, value)
  local measured = {}
  for key, number in pairs(healthy) do measured[key] = number end
  measured[name] = value
  return measured
end

local asks = { G0 = { "deviation", "errors" },
               G2 = { "improvement", "age", "gradient_ratio", "errors" },
               G3 = { "distance" }, G5 = { "contribution", "errors" } }

-- Just good enough, and just not, for strict and permissive gates.
local edges = {
  { "G0", "deviation", 1e-6, 1.1e-6, 1e-6, 1.1e-6 },
  { "G0", "errors", 0, 1, 0, 1 },
  { "G2", "improvement", 0.05, 0.0499, 0, -1e-9 },
  { "G2", "age", 200, 199, 20, 19 },
  { "G2", "gradient_ratio", 1e-3, 0.9e-3, 1e-6, 0.9e-6 },
  { "G2", "gradient_ratio", 1e3, 1.1e3, 1e6, 1.1e6 },
  { "G3", "distance", 0, 1e-12, 0, 1e-12 },
  { "G5", "contribution", 0.002, 0.0019, 0, -0.001 },
}

describe("a gate", function()
  for gate, names in pairs(asks) do
    it(gate .. " passes a healthy seed, and says what it asked", function()
      local passed, note = gates.ask(gate, healthy, gates.thresholds.strict)
      assert.is_true(passed)
      assert.equal(gate, note.gate)
      assert.is_true(#note.passed >= #names)
    end)
    for _, name in ipairs(names) do
      it(("%s fails without %s"):format(gate, name), function()
        for _, thresholds in pairs(gates.thresholds) do
          local passed, note = gates.ask(gate, with(name, nil), thresholds)
          assert.is_false(passed)
          assert.equal(name .. " was not measured", note.failed[1])
        end
      end)
      it(("%s fails where %s is NaN"):format(gate, name), function()
        for _, thresholds in pairs(gates.thresholds) do
          assert.is_false((gates.ask(gate, with(name, 0 / 0), thresholds)))
        end
      end)
    end
  end

  it("passes at its limit, and not beyond", function()
    for _, edge in ipairs(edges) do
      local gate, name = edge[1], edge[2]
      for i, kind in ipairs{ "strict", "permissive" } do
        local limits = gates.table_of(kind)
        local good, bad = edge[2 * i + 1], edge[2 * i + 2]
        assert.is_true((gates.ask(gate, with(name, good), limits)),
                       gate .. name .. good)
        assert.is_false((gates.ask(gate, with(name, bad), limits)),
                        gate .. name .. bad)
      end
    end
  end)

  it("has thresholds of one's own over the strict ones", function()
    local own = gates.table_of{ age = 5 }
    assert.equal(5, own.age)
    assert.equal(gates.thresholds.strict.improvement, own.improvement)
    assert.has_error(function() gates.table_of{ wisdom = 5 } end)
    assert.has_error(function() gates.table_of "lax" end)
  end)
end)
