local chart = require "moonseed.repl.chart"
local moon = require "moonseed"
local plot = require "moonseed.repl.plot"
local width = require "moonseed.repl.width"

local function curve(values, name)
  local steps = {}
  for i = 1, #values do steps[i] = i end
  return { name = name or "loss", steps = steps, values = values }
end

local function rows(curves, style)
  local s = { columns = 30, rows = 8 }
  for name, value in pairs(style or {}) do s[name] = value end
  return chart.rows(curves, s)
end

describe("a chart", function()
  it("has labels at its axes", function()
    assert.same({
      "loss 3",
      "3 |                       ***",
      "  |                 ******",
      "2 |          *******",
      "  |    ******",
      "1 |****",
      "  +--------------------------",
      "   1                        3",
    }, rows{ curve{ 1, 2, 3 } })
  end)

  it("has dots of braille where there is UTF-8", function()
    local text = table.concat(rows({ curve{ 1, 2, 3 } },
                                   { unicode = true }), "\n")
    assert.matches("\226\160[\128-\191]", text)
    assert.matches("└──", text, 1, true)
  end)

  it("fits its window", function()
    for _, columns in ipairs{ 12, 40, 79 } do
      local list = rows({ curve{ 1, 1e-5, 123456 } },
                        { columns = columns, rows = 6, unicode = true })
      assert.equal(6, #list)
      for _, row in ipairs(list) do
        assert.is_true(width.columns(row) <= math.max(columns, 22), row)
      end
    end
  end)

  it("tells several curves apart", function()
    local list = rows{ curve({ 1, 2 }, "loss"), curve({ 2, 1 }, "valid") }
    assert.equal("* loss 2   o valid 1", list[1])
    local text = table.concat(list, "\n", 2)
    assert.matches("*", text, 1, true)
    assert.matches("o", text, 1, true)
  end)

  it("leaves a gap for what is not finite", function()
    local nan = 0 / 0
    local text = table.concat(rows{ curve{ 1, nan, 1 / 0, 2 } }, "\n")
    assert.is_nil(text:find "nan")
    assert.is_nil(text:find "inf" and text:find "| *inf")
  end)

  it("averages what is too dense to be told apart", function()
    local noisy = {}
    for i = 1, 10000 do noisy[i] = i % 2 == 0 and 0 or 10 end
    local list = rows{ curve(noisy) }
    assert.matches("^5%.%d* |", list[2])
    assert.matches("^ *4%.%d* |", list[6])
  end)

  it("draws what does not change, or is one value", function()
    assert.equal(8, #rows{ curve{ 5, 5, 5 } })
    assert.equal(8, #rows{ curve{ 0 } })
  end)

  it("says so when there is nothing to draw", function()
    assert.same({ "nothing to draw yet: no finite values" }, rows{ curve{} })
  end)
end)

describe("what is plotted", function()
  local run = { series = {
    loss = { steps = { 10, 20 }, values = { 2, 1 } },
    valid_loss = { steps = { 20 }, values = { 1.5 } } } }

  it("is a run's loss unless named", function()
    assert.same({ { name = "loss", steps = { 10, 20 }, values = { 2, 1 } } },
                plot.curves(run, {}))
    assert.equal(2, #plot.curves(run, { "loss", "valid_loss" }))
  end)

  it("is a list, a tensor or lists by name", function()
    assert.same({ 1, 2, 3 }, plot.curves({ 4, 5, 6 }, {})[1].steps)
    assert.same({ 0, 1 }, plot.curves(moon.arange(2), {})[1].values)
    assert.equal(2, #plot.curves({ a = { 1 }, b = { 2 } }, {}))
  end)

  it("is an error that lists the series for another name", function()
    assert.has_error(function() plot.curves(run, { "acc" }) end)
    local _, why = pcall(plot.curves, run, { "acc" })
    assert.matches("no series 'acc' (loss, valid_loss)", why, 1, true)
  end)
end)
