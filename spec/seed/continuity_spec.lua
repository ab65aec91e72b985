-- The host's output goes on where it was, and alpha moves as it should.

local bits = require "support.bits"
local gardens = require "support.garden"
local moon = require "moonseed"
local task = require "support.task"

local function fails(pattern, fn, ...)
  local ok, why = pcall(fn, ...)
  assert.is_false(ok)
  assert.matches(pattern, why)
end

describe("the host's output", function()
  local function output(run)
    run.model:eval()
    local y = moon.no_grad(function() return run.model(run.valid.x) end)
    run.model:train()
    return y
  end

  local function close(a, b)
    local scale = math.max(1, a:abs():max():item())
    assert.is_true((a - b):abs():max():item() <= 1e-6 * scale)
  end

  it("is within 1e-6 of that without when a seed is born, at any alpha",
     task(function()
    for _, kind in ipairs{ "add", "multiply", "gate" } do
      for _, blueprint in ipairs{ "conv_light", "attention", "norm" } do
        local run = gardens.run()
        run.steps(2)
        local before = output(run)
        run.slot:germinate(blueprint, { kind = kind })
        run.slot:advance{ force = true }
        run.slot:advance{ force = true }
        for _, alpha in ipairs{ 0, 0.3, 1 } do
          run.slot:seed():set_alpha(alpha)
          close(before, output(run))
        end
        run.garden:close()
      end
    end
  end))

  it("has the same bits in every stage before blending, and at its start",
     task(function()
    local run = gardens.run()
    run.steps(2)
    local before = bits.of(output(run))
    run.slot:germinate "conv_light"
    assert.is_true(before == bits.of(output(run)))
    run.slot:advance{ force = true }
    for _ = 1, 5 do run.garden:step{ y = run.y } end
    assert.is_true(before == bits.of(output(run)))
    run.slot:advance{ force = true }
    assert.equal(0, run.slot:alpha())
    assert.is_true(before == bits.of(output(run)))
    run.garden:close()
  end))

  local function shaken(alpha)
    local run = gardens.run()
    run.steps(2)
    gardens.grow(run, "HOLDING", "conv_light")
    moon.no_grad(function()
      for _, p in run.slot:seed().module:parameters() do p:fill_(0.1) end
    end)
    run.slot:seed():set_alpha(alpha)
    return run
  end

  it("has the same bits when a seed with alpha 0 is pruned", task(function()
    local run = shaken(0)
    local before = bits.of(output(run))
    run.slot:prune()
    assert.is_true(before == bits.of(output(run)))
    run.garden:close()
  end))

  it("has the same bits when a seed fossilises, or rests", task(function()
    local run = shaken(0.4)
    local before = bits.of(output(run))
    run.slot:fossilize{ force = true }
    assert.is_true(before == bits.of(output(run)))
    assert.equal(0.4, run.slot:alpha())
    for _ = 1, 3 do run.garden:epoch() end
    assert.is_true(before == bits.of(output(run)))
    run.garden:close()
  end))
end)

describe("alpha", function()
  it("moves in BLENDING, a step each, and rests on its target",
     task(function()
    local garden = gardens.tiny()
    local slot = garden:slot "early"
    slot:germinate "norm"
    slot:advance{ force = true }
    slot:advance{ force = true, target = 0.75 }
    local seen = {}
    for i = 1, 5 do
      garden:step{}
      seen[i] = slot:alpha()
    end
    assert.same({ 0.25, 0.5, 0.75, 0.75, 0.75 }, seen)
    assert.equal("HOLDING", slot:stage())
    slot:retarget(0)
    for _ = 1, 3 do garden:step{} end
    assert.equal(0, slot:alpha())
    assert.equal("HOLDING", slot:stage())
  end))

  it("rests where it is when it is made to", task(function()
    local garden = gardens.tiny()
    local slot = garden:slot "early"
    slot:germinate "norm"
    slot:advance{ force = true }
    slot:advance{ force = true }
    garden:step{}
    fails("gate G3 fails", slot.advance, slot)
    slot:advance{ force = true }
    garden:step{}
    assert.equal("HOLDING", slot:stage())
    assert.is_true(math.abs(slot:alpha() - 1 / 3) < 1e-12)
    assert.equal(slot:alpha(), slot:seed().schedule.to)
  end))
end)
