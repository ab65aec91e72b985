-- What a record has of a garden that grows.

local files = require "support.files"
local gardens = require "support.garden"
local moon = require "moonseed"
local Record = require "moonseed.train.record"
local reader = require "moonseed.train.report.reader"
local report = require "moonseed.train.report"
local task = require "support.task"

describe("the record of a garden", function()
  local folder, remove

  before_each(function() folder, remove = files.folder() end)
  after_each(function() remove() end)

  -- From planting to fossil, every step recorded; the run and what was read.
  local function grown()
    local record = Record.open{ folder .. "/record.jsonl" }
    local run = gardens.run{ blending = { steps = 4, curve = "linear" } }
    run.garden.on_event = function(event) record:event(event.kind, event) end
    run.slot:germinate "conv_small"
    local alphas = {}
    while run.slot:stage() ~= "FOSSILIZED" do
      if run.slot:stage() ~= "BLENDING" then
        run.slot:advance{ force = true }
      end
      run.step()
      alphas[run.garden.steps] = run.slot:alpha()
      record:garden(run.garden)
    end
    for _ = 1, 3 do
      run.step()
      record:garden(run.garden)
    end
    run.garden:epoch()
    record:garden(run.garden)
    run.garden:close()
    record:close()
    return run, reader.read(folder), alphas
  end

  it("has every transition with its gate", task(function()
    local run, read = grown()
    local history, found = run.slot:history(), {}
    for _, entry in ipairs(read.events) do
      if entry.kind == "stage" then found[#found + 1] = entry.event end
    end
    assert.equal(#history, #found)
    for i, event in ipairs(history) do
      for _, name in ipairs{ "step", "from", "stage", "why", "gate" } do
        assert.equal(event[name], found[i][name])
      end
      assert.same(event.failed or {}, found[i].failed or {})
    end
  end))

  it("has alpha exactly, when it moves", task(function()
    local run, read, alphas = grown()
    local curve = read.curves["alpha/early/1"]
    for step, alpha in pairs(alphas) do
      if curve.n > 0 and step >= curve.steps[0] then
        assert.equal(alpha, curve:at(step))
      end
    end
    assert.equal(1, curve:at(run.garden.steps))
    assert.is_true(curve.n < run.garden.steps)
  end))

  it("has contribution and cost", task(function()
    local run, read = grown()
    local seed = run.slot:seeds()[1]
    local cost = moon.seed.cost.of(seed.module, seed.shape)
    assert.equal(seed.contribution,
                 read.curves["contribution/early/1"]:at(math.huge))
    assert.equal(cost.parameters, read.curves["parameters/early/1"].values[0])
    assert.equal(cost.flops, read.curves["flops/early/1"].values[0])
    assert.equal(1, read.curves["flops/early/1"].n)
    local page = files.read(report.write{ folder }.out)
    assert.matches('data%-n="1/seed/1/parameters">' .. cost.parameters, page)
  end))

  it("has what a run's garden tells, whoever else listens", task(function()
    local o, heard = gardens.run(), {}
    local run = moon.train.fit{
      o.model, optim = o.opt, train = o.train, valid = o.valid, batch = 32,
      garden = o.garden, out = folder, quiet = true }
    while run.metrics.step < 2 do moon.sleep(1) end
    o.garden.on_event = function(event) heard[#heard + 1] = event.kind end
    o.slot:germinate "conv_small"
    run:await()
    o.garden:close()
    assert.equal(1, reader.read(folder).kinds.stage.n)
    assert.same({ "stage" }, heard)
    o.slot:prune "after the run"
    assert.equal(2, #heard)
  end))

  it("changes no bit of the training", task(function()
    local function losses(record)
      moon.manual_seed(5)
      local run = gardens.run()
      run.slot:germinate "conv_small"
      run.slot:advance{ force = true }
      local list = {}
      for i = 1, 5 do
        list[i] = run.step():item()
        if record then
          record:garden(run.garden)
          record:scalar("loss", i, list[i])
          record:streams(i, moon.streams():recent(8))
        end
      end
      run.garden:close()
      return list
    end
    local record = Record.open{ folder .. "/record.jsonl" }
    assert.same(losses(), losses(record))
    record:close()
  end))
end)
