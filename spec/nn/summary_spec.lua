-- model:summary: rows, totals, the table, and no trace.
local bits = require "support.bits"
local task = require "support.task"
local moon = require "moonseed"
local nn = moon.nn

local function small()
  return nn.Sequential{
    nn.Conv2d{ 1, 4, kernel = 3, padding = 1, bias = false },
    nn.BatchNorm2d{ 4 }, nn.ReLU{},
    { "rest", nn.Sequential{ nn.GlobalAvgPool2d{}, nn.Linear{ 4, 10 } } },
  }
end

describe("a summary", function()
  it("has a row for each module, with what is below it", task(function()
    local rows = small():summary{ 7, 1, 6, 5 }.rows
    local function row(i)
      local r = rows[i]
      return { r.path, r.class, r.depth, table.concat(r.shape, "x"),
               r.parameters, r.flops, r.output_bytes }
    end
    assert.equal(7, #rows)
    assert.same({ "", "Sequential", 0, "1x10", 36 + 8 + 50, 2 * 1080 + 80, 40 },
                row(1))
    assert.same({ "1", "Conv2d", 1, "1x4x6x5", 36, 2 * 1080, 480 }, row(2))
    assert.same({ "2", "BatchNorm2d", 1, "1x4x6x5", 8, 0, 480 }, row(3))
    assert.same({ "rest", "Sequential", 1, "1x10", 50, 80, 40 }, row(5))
    assert.same({ "rest.2", "Linear", 2, "1x10", 50, 80, 40 }, row(7))
  end))

  it("adds up", task(function()
    local model = small()
    model:freeze "^rest"
    local summary = model:summary{ 1, 1, 6, 5 }
    assert.equal(94, summary.parameters)
    assert.equal(44, summary.trainable)
    assert.equal(4 * (94 + 8), summary.bytes)  -- running statistics, too
    assert.equal(2240, summary.flops)
    assert.equal(3 * 480 + 16 + 40, summary.output_bytes)
  end))

  it("agrees with the cost that seeds state", task(function()
    local model = moon.models.lenet{ 10 }
    local cost = moon.seed.cost.of(model, { 1, 1, 28, 28 })
    local summary = model:summary{ 1, 1, 28, 28 }
    assert.equal(cost.flops, summary.flops)
    assert.equal(cost.parameters, summary.parameters)
  end))

  it("counts a shared module once, and all its calls", task(function()
    local layer = nn.Linear{ 3, 3, bias = false }
    local summary = nn.Sequential{ layer, nn.ReLU{}, layer }:summary{ 1, 3 }
    assert.equal(9, summary.parameters)
    assert.equal(36, summary.flops)
    assert.equal(36, summary.rows[2].flops)
  end))

  it("leaves no trace", task(function()
    local model = small()
    local function traces()
      local list = {}
      for name, t in pairs(model:state()) do
        list[#list + 1] = name .. bits.of(t)
      end
      table.sort(list)
      for path, module in model:modules() do
        list[#list + 1] = path .. tostring(module.training)
        assert.is_nil(rawget(module, "forward"))
      end
      return list
    end
    model[2]:eval()
    local before = traces()
    model:summary{ 1, 1, 6, 5 }
    assert.same(before, traces())
    assert.error_matches(function() model:summary{ 1, 2, 6, 5 } end, "conv2d")
    assert.same(before, traces())
  end))

  it("is a table as text, to a depth", task(function()
    local summary = moon.models.resnet18{ 10 }:summary{ 1, 3, 32, 32 }
    local text = tostring(summary)
    assert.matches("\n  1 Conv2d +1x64x32x32 +1.73 k +3.54 M +262 k\n", text)
    assert.matches("\n11173962 parameters, 11173962 trainable; 44.7 MB", text)
    assert.matches("1.11 GFLOPs", text)
    summary.depth = 1
    local _, lines = tostring(summary):gsub("\n", "")
    assert.equal(1 + 13 + 2, lines)
  end))

  it("takes inputs of other types", task(function()
    local Take = nn.Module:extend("Take")
    function Take.init() end
    function Take.forward(_, i) return i:to("f32") end
    local summary = nn.Sequential{ Take{} }:summary({ 1, 4 }, { dtype = "i64" })
    assert.same({ 1, 4 }, summary.rows[1].shape)
    assert.equal(0, summary.parameters)
  end))

  it("refuses what is no shape", task(function()
    assert.error_matches(function() small():summary() end,
                         "summary: the shape is a table, not nothing")
    assert.error_matches(function() small():summary({ 1 }, { deep = 1 }) end,
                         "summary: no option 'deep' %(known: depth, dtype%)")
  end))
end)
