local bits = require "support.bits"
local files = require "support.files"
local gardens = require "support.garden"
local moon = require "moonseed"
local task = require "support.task"
local nn = moon.nn

local folder, remove

local function forward(model, x)
  model:eval()
  return bits.of(moon.no_grad(function() return model(x) end))
end

describe("moon.train.export", function()
  before_each(function() folder, remove = files.folder() end)
  after_each(function() remove() end)

  for _, kind in ipairs{ "add", "multiply", "gate" } do
    it("writes a grown network that reads back identically: " .. kind,
       task(function()
      local run = gardens.run{}
      run.steps(3)
      gardens.grow(run, "FOSSILIZED", "conv_light", { kind = kind })
      run.garden:slot("late"):germinate("attention")
      run.steps(5)
      local path = folder .. "/grown"
      moon.train.export(run.model, path)
      local model = moon.train.import(path)
      local x = moon.randn(5, 1, 8, 8)
      assert.is_true(forward(run.model, x) == forward(model, x))
      assert.equal("FOSSILIZED", model["4"]:stage())
      assert.same({ "grown.lua", "grown.safetensors" }, files.names(folder))
      run.garden:close()
    end))
  end

  it("keeps alpha where it was", task(function()
    local run = gardens.run{}
    run.steps(3)
    gardens.grow(run, "BLENDING", "conv_small")
    run.steps(4)
    local alpha = run.slot:alpha()
    assert.is_true(alpha > 0 and alpha < 1)
    moon.train.export(run.model, folder .. "/half")
    local model = moon.train.import(folder .. "/half")
    assert.equal(alpha, model["4"]:alpha())
    local x = moon.randn(5, 1, 8, 8)
    assert.is_true(forward(run.model, x) == forward(model, x))
    run.garden:close()
  end))

  it("gives a network that can go on growing", task(function()
    local run = gardens.run{}
    run.steps(3)
    gardens.grow(run, "FOSSILIZED", "conv_small")
    moon.train.export(run.model, folder .. "/grown")
    run.garden:close()
    local model = moon.train.import(folder .. "/grown"):train()
    local garden = moon.seed.Garden{ model, classes = 4 }
    model(run.x)
    garden:slot("late"):germinate "norm"
    assert.equal("FOSSILIZED", garden:slot("early"):stage())
    assert.equal("GERMINATED", garden:slot("late"):stage())
    garden:close()
  end))

  it("refuses a class that it cannot write down", task(function()
    local Own = nn.Module:extend("Own")
    local ok, e = pcall(moon.train.export, Own{}, folder .. "/own")
    assert.is_false(ok)
    assert.truthy(tostring(e):find("class Own is not of moon.nn", 1, true), e)
    assert.same({}, files.names(folder))
  end))
end)

describe("moon.train.import", function()
  before_each(function() folder, remove = files.folder() end)
  after_each(function() remove() end)

  it("runs no code that asks for anything", task(function()
    files.write(folder .. "/bad.lua", "return os.exit(1)")
    local ok, e = pcall(moon.train.import, folder .. "/bad")
    assert.is_false(ok)
    assert.truthy(tostring(e):find("holds no network of this format", 1, true))
  end))

  it("raises for a file that is not there", task(function()
    local ok, e = pcall(moon.train.import, folder .. "/none")
    assert.is_false(ok)
    assert.truthy(tostring(e):find("No such file", 1, true))
  end))
end)
