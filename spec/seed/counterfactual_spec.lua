-- What passes with and without seeds leave behind: nothing.
local task = require "support.task"
local bits = require "support.bits"
local grown = require "support.grown"
local moon = require "moonseed"
local context = require "moonseed.context"
local core = require "moonseed.ffi"
local contribution = require "moonseed.seed.contribution"
local nn = moon.nn
local make, make_data, CLASSES = grown.model, grown.data, grown.CLASSES

-- Everything of a training run that a measurement might move, as bytes.
local function snapshot(model)
  local list, names = {}, {}
  for name in pairs(model:state()) do names[#names + 1] = name end
  table.sort(names)
  for i, name in ipairs(names) do list[i] = bits.of(model:state()[name]) end
  for _, p in model:parameters() do
    list[#list + 1] = p.grad and bits.of(p.grad) or "none"
  end
  for path, module in model:modules() do
    list[#list + 1] = path .. tostring(module.training)
    list[#list + 1] = tostring(module.disabled)
  end
  local words = core.ffi.new "uint64_t[5]"
  core.C.moon_task_generator(context.live.task, words, 0)
  list[#list + 1] = core.ffi.string(words, 40)
  list[#list + 1] = tostring(context.live.grad_mode)
  return list
end

local function train_step(model, data)
  local x, y = data:batches{ 8, shuffle = true }()
  nn.cross_entropy(model(x), y):backward()
end

describe("a measurement", function()
  it("leaves no trace: tensors, gradients, modes, generator", task(function()
    local model, slots = make(2, 2)
    local data = make_data(24)
    train_step(model, data)
    model[2]:eval()  -- as it may be: not all of one mode
    slots[2].disabled = {}
    local before = snapshot(model)
    contribution.measure{ model, data = data, slots = slots, batch = 8 }
    assert.same(before, snapshot(model))
  end))

  it("does not change what a training run draws or reads next",
     task(function()
       local function run(measured)
         local model, slots = make(1, 1)
         local data = make_data(24)
         for _ = 1, 3 do
           train_step(model, data)
           if measured then
             contribution.measure{ model, data = data, slots = slots,
                                   batch = 8 }
           end
         end
         return snapshot(model)
       end
       assert.same(run(false), run(true))
     end))

  it("does not count as an epoch of the data", task(function()
    local model, slots = make(1, 0)
    local function order(measured)
      moon.manual_seed(9)
      local data = make_data(24)
      if measured then
        contribution.measure{ model, data = data, slots = slots }
      end
      local x = data:batches{ 24, shuffle = true, rng_seed = 4 }()
      return bits.of(x)
    end
    assert.equal(order(false), order(true))
  end))

  it("leaves no trace when a forward raises", task(function()
    local model, slots, _, last = make(1, 1)
    local data = make_data(24)
    local before = snapshot(model)
    function last:forward()
      assert(not (slots[1].disabled and slots[1].disabled[1]), "bad pass")
      return self.inner.bias:reshape(1, CLASSES):expand(8, CLASSES)
    end
    assert.error_matches(function()
      contribution.measure{ model, data = data, slots = slots, batch = 8 }
    end, "bad pass")
    assert.same(before, snapshot(model))
  end))

  it("leaves no trace when an op fails", task(function()
    local model, slots = make(1, 1)
    local data = moon.data.tensors{
      moon.randn(2, 1, 8, 8), moon.tensor({ 0, CLASSES }, { dtype = "i64" }) }
    local before = snapshot(model)
    assert.error_matches(function()
      contribution.measure{ model, data = data, slots = slots }
    end, "cross_entropy")
    pcall(moon.synchronize)
    assert.same(before, snapshot(model))
  end))

  it("is never seen by another task", task(function()
    local model, slots = make(2, 2)
    local data = make_data(64)
    local done, looks, seen = false, 0, 0
    local watcher = moon.spawn(function()
      while not done do
        looks = looks + 1
        for _, module in model:modules() do
          if not module.training or module.disabled then seen = seen + 1 end
        end
        moon.yield()
      end
    end)
    contribution.measure{ model, data = data, slots = slots, batch = 4 }
    done = true
    watcher:await()
    assert.is_true(looks > 1)
    assert.equal(0, seen)
  end))

  it("never blocks the loop", task(function()
    local model, slots = make(1, 1)
    local data = make_data(24)
    local before = moon.stats().blocked_waits
    contribution.measure{ model, data = data, slots = slots, batch = 8 }
    assert.equal(before, moon.stats().blocked_waits)
  end))

  -- The most of one of moon.stats() beyond what there was, at the end of any
  -- pass, while the collector does nothing.
  local function most(what)
    local model, slots, _, last = make(2, 2)
    local data = make_data(64)
    local n, highest = 0, 0
    local function measure()
      contribution.measure{ model, data = data, slots = slots, batch = 8 }
    end
    measure()
    function last:forward(x)
      n, highest = n + 1, math.max(highest, moon.stats()[what])
      return self.inner:forward(x)
    end
    moon.synchronize()
    collectgarbage()
    collectgarbage()
    local before = moon.stats()[what]
    collectgarbage "stop"
    measure()
    collectgarbage "restart"
    assert.equal(8 * 16, n)
    return highest - before
  end

  it("frees what a pass made before the next", task(function()
    assert.is_true(most "live_tensors" < 128)
  end))

  it("records no graph", task(function()
    assert.equal(0, most "live_nodes")
  end))
end)
