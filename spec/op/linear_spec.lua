local moon = require "moonseed"
local op = require "support.op"

local relu = { epilogue = "relu" }
local function plain(x, w, b) return moon.linear(x, w, b) end
local function with_relu(x, w, b) return moon.linear(x, w, b, relu) end

describe("linear", function()
  local w, b = { 5, 4 }, { 5 }
  op.agrees{ "of rows", inputs = { { 3, 4 }, w }, fn = plain }
  op.agrees{ "with bias", inputs = { { 3, 4 }, w, b }, fn = plain }
  op.agrees{ "with ReLU", inputs = { { 3, 4 }, w, b }, fn = with_relu }
  op.agrees{ "with ReLU, without bias", inputs = { { 3, 4 }, w },
             fn = with_relu }
  op.agrees{ "of more dimensions", inputs = { { 2, 3, 4 }, w, b },
             fn = with_relu }
  op.agrees{ "of one row", inputs = { { 4 }, w, b }, fn = plain }
  op.agrees{ "of repeated rows", inputs = { { 1, 4 }, { 1, 4 }, b },
             fn = function(x, weight, bias)
    return moon.linear(x:expand(3, 4), weight:expand(5, 4), bias)
  end }
  op.agrees{ "of none", inputs = { { 0, 4 }, w, b }, fn = with_relu }

  op.everywhere("adds a second gradient to the first", function(device)
    local options = { device = device }
    local x = moon.ones(2, 3, options)
    local weight = moon.ones(1, 3, options):requires_grad()
    local bias = moon.zeros(1, options):requires_grad()
    for _ = 1, 2 do moon.linear(x, weight, bias, relu):sum():backward() end
    assert.same({ 4, 4, 4 }, op.flat(weight.grad))
    assert.same({ 4 }, op.flat(bias.grad))
  end)

  op.refuses("other inputs than w's",
             "linear: w expects 4 inputs, x has 3 (x 2x3, w 5x4)",
             function() moon.linear(moon.zeros(2, 3), moon.zeros(5, 4)) end)
  op.refuses("a bias of another size", "linear: b is 4, 5 needed", function()
    moon.linear(moon.zeros(2, 4), moon.zeros(5, 4), moon.zeros(4))
  end)
end)
