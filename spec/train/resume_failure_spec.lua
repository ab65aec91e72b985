-- A seed has failed on the device, nobody has looked yet, and the run is
-- killed: the one that goes on finds it in the same step.

local bits = require "support.bits"
local files = require "support.files"
local gardens = require "support.garden"
local moon = require "moonseed"
local task = require "support.task"
local checkpoint = require "moonseed.train.checkpoint"
local nn, optim, seed = moon.nn, moon.optim, moon.seed

local is_ill = false

-- Fails on the device, by an index that is out of range.
local Brittle = nn.Module:extend "Brittle"
function Brittle:init(options)
  self.conv = nn.Conv2d{ options[1], options[1], kernel = 1 }
end
function Brittle:forward(x)
  local y = self.conv(x)
  if is_ill then
    y = y:index_select(1, moon.full({ y:size(1) }, 999, { dtype = "i64" }))
  end
  return x + (y - y:detach())
end

seed.blueprint("brittle", { build = function(shape)
  return Brittle{ shape[2] }
end })

local function found(garden)
  local list = {}
  for _, event in ipairs(garden.events) do
    if event.kind == "failed" then list[#list + 1] = event end
  end
  return list
end

describe("a seed that fails before a checkpoint", function()
  local folder, remove

  before_each(function() folder, remove = files.folder() end)
  after_each(function()
    is_ill = false
    remove()
  end)

  local function data()
    moon.manual_seed(11)
    return gardens.data(320), gardens.data(32)
  end

  -- A run with a seed in a stage that fails in the step `at`; 10 an epoch.
  local function begin(stage, at)
    local train, valid = data()
    moon.manual_seed(3)
    local model, steps = gardens.model(), 0
    local opt = optim.SGD{ model, lr = 0.05, momentum = 0.9 }
    local garden = seed.Garden{ model, optim = opt, train = train,
                                valid = valid, classes = 4,
                                blending = { steps = 2 } }
    local slot = garden:slot "early"
    slot:germinate "brittle"
    while slot:stage() ~= stage do slot:advance{ force = true } end
    return moon.train.fit{
      model, optim = opt, train = train, valid = valid, epochs = 1,
      batch = 32, garden = garden, out = folder, every = 1, keep = 99,
      quiet = true, rng_seed = 5,
      schedule = function()
        steps = steps + 1
        is_ill = steps == at
        return 1
      end }
  end

  for _, stage in ipairs{ "TRAINING", "BLENDING" } do
    it("is found in the same step: " .. stage, task(function()
      local run = begin(stage, 3)
      run:await()
      run.garden:close()
      local wanted, event = bits.of_state(run.model), found(run.garden)[1]
      local n = 0
      for _, path in ipairs(checkpoint.list(folder)) do
        local step = tonumber(path:match "step%-(%d+)")
        if step >= 3 and step < event.step then
          local train, valid = data()
          local other = moon.train.resume{
            folder, train = train, valid = valid, schedule = "constant" }
          other:await()
          other.garden:close()
          assert.same({ event }, found(other.garden), step)
          assert.is_true(wanted == bits.of_state(other.model), step)
          n = n + 1
        end
        for _, new in ipairs(checkpoint.list(folder)) do
          if tonumber(new:match "step%-(%d+)") >= step then os.remove(new) end
        end
      end
      assert.is_true(n >= 4, n)
    end))
  end

  it("stops no run at the end of an epoch", task(function()
    local run = begin("BLENDING", 10)
    run:await()
    run.garden:close()
    assert.equal(10, found(run.garden)[1].step)
  end))
end)
