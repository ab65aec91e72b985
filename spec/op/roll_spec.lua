local moon = require "moonseed"
local op = require "support.op"

describe("roll", function()
  op.agrees{ "along one dimension", inputs = { { 2, 5 } },
             fn = function(x) return x:roll(2, 2) end }
  op.agrees{ "along several, back and by more than there are",
             inputs = { { 3, 4, 2, 3 } },
             fn = function(x) return x:roll({ -1, 6, 3 }, { 1, 2, 4 }) end }
  op.agrees{ "of the flattened tensor", inputs = { { 2, 3 } },
             fn = function(x) return x:roll(4) end }
  op.agrees{ "twice along one dimension", inputs = { { 5 } },
             fn = function(x) return x:roll({ 1, 2 }, { 1, 1 }) end }
  op.agrees{ "by nothing", inputs = { { 2, 3 } },
             fn = function(x) return x:roll(3, 2) end }
  op.agrees{ "of one place", inputs = { { 1 } },
             fn = function(x) return x:roll(1, 1) end }
  op.agrees{ "of nothing", inputs = { { 0, 2 } },
             fn = function(x) return x:roll({ 1, 1 }, { 1, 2 }) end }

  op.refuses("shifts that lack", "roll: 1 shifts for 2 dimensions",
             function() moon.zeros(2, 3):roll(1, { 1, 2 }) end)
  op.refuses("half a place", "roll: shift 1 is a whole number, not 0.5",
             function() moon.zeros(2, 3):roll(0.5, 1) end)
  op.refuses("a dimension that is not there",
             "roll: dimension 3 of a tensor with 2",
             function() moon.zeros(2, 3):roll(1, 3) end)
end)
