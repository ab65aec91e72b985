-- What growth and early stopping are judged by.
local gardens = require "support.garden"
local moon = require "moonseed"
local task = require "support.task"

describe("the validation of a model", function()
  it("fails with the label that is no class, as a loss does", task(function()
    local model, data = gardens.model(), gardens.data(32)
    local wrong = moon.data.tensors{ data.x, data.y + 4 }
    local ok, e = pcall(moon.seed.evaluate.accuracy, model, wrong)
    assert.is_false(ok)
    assert.matches("cross_entropy: label %d at position 1 is outside %[0, 4%)",
                   e)
    local found = moon.seed.evaluate.accuracy(model, data)
    assert.is_true(found.loss > 0)
  end))
end)
