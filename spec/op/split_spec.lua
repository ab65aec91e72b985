local moon = require "moonseed"
local op = require "support.op"
local task = require "support.task"

local function shapes(list)
  local found = {}
  for i, t in ipairs(list) do found[i] = table.concat(t:shape(), "x") end
  return table.concat(found, " ")
end

describe("parts of a tensor", function()
  op.agrees{ "by split", inputs = { { 5, 2 } }, fn = function(x)
    local parts = x:split(2)
    return parts[1] * parts[2] + parts[3]
  end }
  op.agrees{ "by sizes", inputs = { { 2, 5 } }, fn = function(x)
    local parts = x:split({ 2, 3 }, 2)
    return moon.cat({ parts[2], parts[1] }, 2)
  end }
  op.agrees{ "by unbind", inputs = { { 2, 3 } }, fn = function(x)
    local parts = x:unbind(2)
    return parts[3] - parts[1] * parts[2]
  end }

  it("have the sizes of PyTorch's", task(function()
    local x = moon.zeros(7, 2)
    assert.equal("3x2 3x2 1x2", shapes(x:split(3)))
    assert.equal("3x2 3x2 1x2", shapes(x:chunk(3)))
    assert.equal("2x2 2x2 2x2 1x2", shapes(x:chunk(5)))
    assert.equal("7x1 7x1", shapes(x:chunk(3, 2)))
    assert.equal("0x2 7x2", shapes(x:split{ 0, 7 }))
    assert.equal("0x2", shapes(moon.zeros(0, 2):split(3)))
    assert.equal("0x2", shapes(moon.zeros(0, 2):chunk(3)))
    assert.equal("", shapes(moon.zeros(0, 2):unbind()))
  end))

  it("share the memory", task(function()
    local x = moon.zeros(3, 2)
    x:split(2)[2]:fill_(1)
    x:chunk(2, 2)[1]:fill_(2)
    x:unbind()[1]:fill_(3)
    assert.same({ { 3, 3 }, { 2, 0 }, { 2, 1 } }, x:totable())
  end))

  op.refuses("sizes that do not add up",
             "split: the sizes are 6 together, dimension 1 has 7 (x 7x2)",
             function() moon.zeros(7, 2):split{ 3, 3 } end)
  op.refuses("pieces of nothing", "split: the size is a whole number",
             function() moon.zeros(7, 2):split(0) end)
  op.refuses("no parts", "chunk: the number of parts is a whole number",
             function() moon.zeros(7, 2):chunk(0) end)
end)

describe("dimensions", function()
  op.agrees{ "exchanged", inputs = { { 2, 3, 4 } },
             fn = function(x) return x:transpose(1, -1) end }
  op.agrees{ "added and taken away", inputs = { { 2, 1, 3 } },
             fn = function(x) return x:unsqueeze(-1):squeeze(2) end }
  op.agrees{ "as one", inputs = { { 2, 3, 2, 2 } },
             fn = function(x) return x:permute(1, 3, 2, 4):flatten(2, 3) end }

  it("have PyTorch's shapes", task(function()
    local x = moon.zeros(1, 2, 1, 3)
    assert.same({ 2, 3 }, x:squeeze():shape())
    assert.same({ 1, 2, 3 }, x:squeeze(3):shape())
    assert.same({ 1, 2, 1, 3 }, x:squeeze(2):shape())
    assert.same({ 1, 1, 2, 1, 3 }, x:unsqueeze(1):shape())
    assert.same({ 1, 2, 1, 3, 1 }, x:unsqueeze(5):shape())
    assert.same({ 6 }, x:flatten():shape())
    assert.same({ 1, 2, 3 }, x:flatten(3):shape())
    assert.same({ 1 }, moon.zeros{}:flatten():shape())
    assert.same({}, moon.zeros(1):squeeze():shape())
  end))

  op.refuses("a place beyond the last", "unsqueeze: dimension 4 of a tensor " ..
             "with 3", function() moon.zeros(2, 3):unsqueeze(4) end)
  op.refuses("a run that goes back", "flatten: from dimension 2 to 1",
             function() moon.zeros(2, 3):flatten(2, 1) end)
  op.refuses("a dimension that is not there",
             "transpose: dimension 3 of a tensor with 2",
             function() moon.zeros(2, 3):transpose(1, 3) end)
end)
