-- What a captured function cannot do, and what an error leaves.

local bits = require "support.bits"
local host = require "moonseed.host"
local moon = require "moonseed"
local steps = require "support.steps"
local task = require "support.task"

local function plain(fn) return fn end

-- Everything that a step leaves in a model.
local function state_of(model, opt) return steps.left(model, opt, {}) end

describe("an error in a capture", function()
  -- Raises with `text` and this file's line, and the capture is good later.
  local function refuses(text, fn)
    local x, bad = moon.ones(2), true
    local step = moon.capture(function(t)
      if bad then fn(t * 1) end
      return t + 1
    end)
    local ok, e = pcall(step, x)
    assert.is_false(ok)
    assert.matches(text, e, 1, true)
    assert.matches("capture_errors_spec.lua:%d+:", e)
    bad = false
    for _ = 1, 3 do assert.same({ 2, 2 }, step(x):totable()) end
    assert.equal(1, step:stats().kept)
  end

  for name, fn in pairs{
    item = function(t) return t:sum():item() end,
    totable = function(t) return t:totable() end,
    await = function(t) return t:await() end,
    is_ready = function(t) return t:is_ready() end,
    map = function(t) t:map(function() end) end,
    spawn = function() moon.spawn(function() end) end,
    gather = function() moon.gather(function() end) end,
    sleep = function() moon.sleep(1) end,
    timeout = function() moon.timeout(5, function() end) end,
    synchronize = function() moon.synchronize() end,
    save = function(t) moon.save("nowhere.npy", t) end,
    load = function() moon.load("nowhere.npy") end,
    lease = function() moon.streams():lease(function() end) end,
    grad_scope = function() moon.grad_scope(function() end) end,
    dispose = function(t) t:dispose() end,
    tostring = function(t) return tostring(t) end,
  } do
    it("names " .. name .. " while it is recorded", task(function()
      refuses(name .. ": not while moon.capture records", fn)
    end))
  end

  it("names a batch while it is recorded", task(function()
    local data = moon.data.tensors{ moon.ones(4, 2), moon.zeros(4) }
    local batches = data:batches{ 2 }
    refuses("batches: not while moon.capture records",
            function() batches() end)
  end))

  it("is that of the function", task(function()
    refuses("add: shapes 2 and 3", function(t) return t + moon.ones(3) end)
  end))

  it("says to call backward inside", task(function()
    local w = moon.ones(2):requires_grad()
    local step = moon.capture(function(x) return (w * x):sum() end)
    local ok, e = pcall(step, moon.ones(2))
    assert.is_false(ok)
    assert.matches("call backward inside", e)
  end))

  it("says that a graph began outside", task(function()
    local w = moon.ones(2):requires_grad()
    local h = w * 2
    local step = moon.capture(function() (h * 3):sum():backward() end)
    local ok, e = pcall(step)
    assert.is_false(ok)
    assert.matches("before the captured function was called", e)
    local other = moon.capture(function(x) return x end)
    assert.has_error(function() other(h) end)
  end))

  it("refuses tables, as arguments and as results", task(function()
    local step = moon.capture(function(t) return t end)
    assert.has_error(function() step{} end)
    assert.has_error(function() moon.capture(function() return {} end)() end)
  end))

  it("says that a host part gives other tensors than it did", task(function()
    local first = { moon.ones(2), moon.ones(2) }
    local cases = { [0] = "gave no tensor", [2] = "gave f32 1x2 where",
                    [3] = "gave 3 tensors, and 2" }
    for wrong, text in pairs(cases) do
      local list = first
      local step = moon.capture(function(x)
        local a, b = host.part(function() return unpack(list) end)
        return a and b and x + a + b
      end)
      local function sum() return step(moon.zeros(2)):sum():item() end
      assert.equal(4, sum())
      list = { unpack({ moon.ones(2), moon.ones(2), moon.ones(2) }, 1, wrong) }
      if wrong == 2 then list[1] = moon.ones(1, 2) end
      local ok, e = pcall(sum)
      assert.is_false(ok)
      assert.matches(text, e)
      list = first
      assert.equal(4, sum())
    end
  end))

  it("names options that there are not", task(function()
    local ok, e = pcall(moon.capture, plain, { checks = 2 })
    assert.is_false(ok)
    assert.matches("no option 'checks' %(known: check%)", e)
    assert.has_error(function() moon.capture(3) end)
    assert.has_error(function() moon.capture(plain, { check = 0 }) end)
  end))

  it("in a replay's device changes no bit of the model", task(function()
    local step, x, y, model, opt = steps.small(moon.capture)
    for _ = 1, 3 do step(x, y) end
    local before = state_of(model, opt)
    local wrong = moon.full({ 8 }, 9, { dtype = "i64" })
    local ok, e = pcall(function()
      step(x, wrong)
      moon.synchronize()
    end)
    assert.is_false(ok)
    assert.matches("label 9", e)
    opt:zero_grad()
    for name, value in pairs(state_of(model, opt)) do
      if not name:find "^grad" then assert.equal(before[name], value) end
    end
    step(x, y)
    moon.synchronize()
  end))

  it("in a disposed parameter is raised", task(function()
    local w = moon.ones(2)
    local step = moon.capture(function(x) return x * w end)
    step(moon.ones(2))
    step(moon.ones(2))
    w:dispose()
    local ok, e = pcall(step, moon.ones(2))
    assert.is_false(ok)
    assert.matches("disposed", e)
  end))

  it("that ends a task in a replay leaves the others", task(function()
    local step, x, y, model, opt = steps.small(moon.capture)
    step(x, y)
    local late = moon.spawn(function()
      for _ = 1, 1e6 do step(x, y) end
    end)
    moon.sleep(5)
    late:cancel()
    assert.has_error(function() late:await() end)
    assert.has_error(function()
      moon.timeout(5, function() for _ = 1, 1e6 do step(x, y) end end)
    end)
    local before = bits.of(model[2].weight)
    step(x, y)
    assert.not_equal(before, bits.of(model[2].weight))
    assert.not_nil(state_of(model, opt))
  end))
end)

describe("check", function()
  it("accepts a function that does the same", task(function()
    local model = steps.cnn()
    local opt = moon.optim.SGD{ model, lr = 0.1, momentum = 0.9 }
    local step = moon.capture(steps.step(model, opt), { check = 3 })
    for _, batch in ipairs(steps.batches(12, 8)) do step(batch[1], batch[2]) end
    assert.is_true(step:stats().recorded >= 4)
  end))

  it("names the first op that differs", task(function()
    local factor = 2
    local step = moon.capture(function(x) return (x + 1) * factor end,
                              { check = 2 })
    local x = moon.ones(2, 3)
    step(x)
    factor = 3
    assert.same({ { 4, 4, 4 }, { 4, 4, 4 } }, step(x):totable())
    local ok, e = pcall(step, x)
    assert.is_false(ok)
    assert.matches("op 2 is mul 2x3, where it was mul 2x3, with other", e, 1,
                   true)
    assert.same({ { 6, 6, 6 }, { 6, 6, 6 } }, step(x):totable())
  end))

  it("notices a tensor that Lua has replaced", task(function()
    local total = moon.zeros(2)
    local step = moon.capture(function(x)
      total = total + x
      return total
    end, { check = 2 })
    step(moon.ones(2))
    step(moon.ones(2))
    assert.has_error(function() step(moon.ones(2)) end)
  end))
end)
