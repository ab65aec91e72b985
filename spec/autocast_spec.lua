-- Whom moon.autocast holds for; its values are in spec/op/autocast_spec.lua.

local moon = require "moonseed"
local shell = require "support.shell"
local task = require "support.task"

local C = require("moonseed.ffi").C
local on_bf16 = C.moon_has_bf16() == 1 and it or pending

-- Whether products round their factors here and now: 1 + 2^-10 is no bf16.
local a, ones
local function rounds()
  return a:matmul(ones):max():item() == 64
end

local function nothing() end

describe("autocast", function()
  setup(function()
    a, ones = moon.full({ 64, 64 }, 1 + 2 ^ -10), moon.ones(64, 64)
  end)
  teardown(function() a, ones = nil, nil end)

  on_bf16("is off until told, and afterwards", task(function()
    assert.is_false(rounds())
    local inside, more = moon.autocast("bf16", function()
      return rounds(), 7
    end)
    assert.is_true(inside)
    assert.equal(7, more)
    assert.is_false(rounds())
  end))

  on_bf16("is restored after an error", task(function()
    local ok, e = pcall(moon.autocast, "bf16", function() error "mine" end)
    assert.is_false(ok)
    assert.matches("mine", e)
    assert.is_false(rounds())
  end))

  on_bf16("nests, and f32 turns it off", task(function()
    moon.autocast("bf16", function()
      moon.autocast("f32", function()
        assert.is_false(rounds())
        moon.autocast("bf16", function() assert.is_true(rounds()) end)
        assert.is_false(rounds())
      end)
      assert.is_true(rounds())
    end)
  end))

  on_bf16("belongs to its task, across waits", task(function()
    local function mine(dtype)
      return function()
        for _ = 1, 4 do
          moon.autocast(dtype, function()
            moon.yield()
            assert.equal(dtype == "bf16", rounds())
            moon.sleep(1)
            assert.equal(dtype == "bf16", rounds())
          end)
          assert.is_false(rounds())
        end
      end
    end
    moon.gather(mine "bf16", mine "f32", mine "bf16")
  end))

  on_bf16("is inherited by tasks at their spawn", task(function()
    local inside
    moon.autocast("bf16", function() inside = moon.spawn(rounds) end)
    local outside = moon.spawn(rounds)
    assert.is_true(inside:await())
    assert.is_false(outside:await())
  end))

  on_bf16("is inherited by coroutines", task(function()
    local inside = moon.autocast("bf16", function()
      return coroutine.wrap(rounds)()
    end)
    assert.is_true(inside)
  end))

  it("allows f32 everywhere", task(function()
    assert.equal(3, moon.autocast("f32", function() return 3 end))
  end))

  it("refuses what it does not know", function()
    for _, name in ipairs{ "f64", "half", 16, false } do
      assert.error_matches(function() moon.autocast(name, nothing) end,
                           "autocast: no dtype '" .. tostring(name)
                           .. "' to multiply in %(bf16, f16, f32%)")
    end
    assert.error_matches(function() moon.autocast(nil, nothing) end,
                         "autocast: no dtype 'nil'")
    assert.error_matches(function() moon.autocast("f32", 3) end,
                         "autocast: its second argument")
  end)

  it("has no f16 on a CPU", function()
    assert.error_matches(function() moon.autocast("f16", nothing) end,
                         "autocast: f16 is for GPUs; cpu multiplies in bf16")
  end)

  it("says that a CPU has no bf16", function()
    local run = "MOONSEED_ISA=avx2 scripts/moonseed "
    local text, status = shell.run(
      run .. "-e 'moon.autocast(\"bf16\", function() end)'")
    assert.not_equal(0, status)
    assert.matches("autocast: this CPU has no bf16 arithmetic %(avx512_bf16%)",
                   text)
    text, status = shell.run(run .. "doctor")
    assert.equal(0, status)
    assert.matches("\nbf16 +this CPU has no bf16 arithmetic", text)
  end)
end)
