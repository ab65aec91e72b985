-- What a garden says of options that it could only use later.
local gardens = require "support.garden"
local moon = require "moonseed"
local task = require "support.task"

local function refuses(text, options)
  options[1] = gardens.model()
  local ok, e = pcall(moon.seed.Garden, options)
  assert.is_false(ok, text)
  assert.truthy(tostring(e):find(text, 1, true), e)
end

describe("seed.Garden", function()
  it("refuses at once what a planting or an epoch would trip over",
     task(function()
    refuses("Garden: valid: expects a data set with labels, not number",
            { valid = 3 })
    refuses("Garden: train: expects a data set with labels, not table",
            { train = {} })
    refuses("Garden: optim is a table, not string", { optim = "SGD" })
    refuses("Garden: optim.step is a function, not nothing", { optim = {} })
    refuses("Garden: blending is a table, not number", { blending = 20 })
    refuses("Garden: blending: no blending 'sub' (add, gate, multiply)",
            { blending = { kind = "sub" } })
    refuses("Garden: incubation is a table, not boolean",
            { incubation = true })
    refuses("incubation: no option 'optm'", { incubation = { optm = {} } })
    refuses("Garden: blueprints is a table, not string",
            { blueprints = "norm" })
    refuses("Garden: blueprints[2] is a string, not number",
            { blueprints = { "norm", 3 } })
  end))

  it("has the model's optimiser, which its governor brings back, too",
     task(function()
    local model, data = gardens.model(), gardens.data(128)
    local opt = moon.optim.SGD{ model, lr = 0.05, momentum = 0.9 }
    local kinds = {}
    local garden = moon.seed.Garden{ model, classes = 4,
                                     governor = { confirm_after = 5 },
                                     on_event = function(event)
      kinds[event.kind] = (kinds[event.kind] or 0) + 1
    end }
    local last
    for step = 1, 100 do
      local x, y = data.x, data.y
      local loss = moon.nn.cross_entropy(model(x), y)
      if step == 80 then loss = loss * (0 / 0) end
      opt:zero_grad()
      loss:backward()
      opt:step()
      garden:step{ y = y, loss = loss }
      last = loss
    end
    assert.equal(1, kinds.rolled_back)
    assert.is_true(last:item() < 10)  -- a number
    garden:close()
  end))

  it("takes the model again after it was refused", task(function()
    local model = gardens.model()
    pcall(moon.seed.Garden, { model, incubation = { optm = {} } })
    moon.seed.Garden{ model, classes = 4 }:close()
  end))
end)
