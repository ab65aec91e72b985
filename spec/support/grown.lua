-- A small model that grew, for specs of what looks at one.

local moon = require "moonseed"
local Slot = require "support.stub_slot"
local nn = moon.nn

local M = { CLASSES = 3 }

-- Counts its calls.
local Counted = nn.Module:extend("Counted")
function Counted:init(options) self.inner, self.n = options[1], 0 end
function Counted:forward(x)
  self.n = self.n + 1
  return self.inner:forward(x)
end

--- What a seed of these models is.
---@return table an nn.Module
function M.seed()
  return nn.Sequential{ nn.Conv2d{ 4, 4, kernel = 3, padding = 1 },
                        nn.BatchNorm2d{ 4 }, nn.ReLU{} }
end

--- A model with living seeds in two slots.
---@param n_early integer
---@param n_late integer
---@return table model
---@return table[] slots
---@return table first which counts its calls in `n`, as does
---@return table last
function M.model(n_early, n_late)
  moon.manual_seed(3)
  local early, late = Slot{ "early" }, Slot{ "late" }
  for _ = 1, n_early do early:plant(M.seed(), "BLENDING") end
  for _ = 1, n_late do late:plant(M.seed(), "FOSSILIZED") end
  local first = Counted{ nn.Conv2d{ 1, 4, kernel = 3 } }
  local last = Counted{ nn.Linear{ 4, M.CLASSES } }
  local model = nn.Sequential{
    first, nn.BatchNorm2d{ 4 }, nn.ReLU{}, nn.Dropout{ 0.5 }, early,
    nn.Conv2d{ 4, 4, kernel = 3 }, nn.ReLU{}, late, nn.GlobalAvgPool2d{}, last,
  }
  return model, { early, late }, first, last
end

--- n random images with their labels.
---@param n integer
---@return userdata a data set
function M.data(n)
  local labels = {}
  for i = 1, n do labels[i] = i * 7 % M.CLASSES end
  return moon.data.tensors{ moon.randn(n, 1, 8, 8),
                            moon.tensor(labels, { dtype = "i64" }) }
end

return M
