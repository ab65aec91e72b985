--- A row of features for each number: i64 [...] from 0 -> [..., features].
local check = require "moonseed.check"
local moon = require "moonseed"
local Module = require "moonseed.nn.module"
local neural = require "moonseed.neural"

local Embedding = Module:extend("Embedding")

--- nn.Embedding{ count, features, padding = nil }
--- padding: a number, from 0, whose features are zeros and stay so.
---@param options table
function Embedding:init(options)
  local o = check.options("Embedding", options, { "count", "features" },
                          { padding = check.optional })
  local n = check.count("Embedding", "count", o.count, 1)
  local weight = moon.randn(n, check.count("Embedding", "features", o.features,
                                           1))
  if o.padding then
    check.count("Embedding", "padding", o.padding)
    if o.padding >= n then
      check.fail("Embedding", "padding %d is outside [0, %d)", o.padding, n)
    end
    weight[o.padding + 1] = 0
    self.lookup_options = { padding = o.padding }
  end
  self.weight = weight:requires_grad()
end

---@param index userdata i64 [...]
---@return userdata [..., features]
function Embedding:forward(index)
  return neural.embedding(index, self.weight, self.lookup_options)
end

return Embedding
