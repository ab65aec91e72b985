local moon = require "moonseed"
local op = require "support.op"

describe("softmax", function()
  for dim = 1, 3 do
    op.agrees{ "over " .. dim, inputs = { { 2, 3, 4 } },
               fn = function(x) return x:softmax(dim) end }
  end
end)
