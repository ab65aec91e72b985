--- What grow_fashion.lua and grow_vs_controls.lua share: hosts for
-- Fashion-MNIST with slots in them, batches, and the rate of a run.
local moon = require "moonseed"
local nn, seed = moon.nn, moon.seed

local M = {}

-- 28 x 28 -> 14 x 14 -> 7 x 7 -> 3 x 3, a slot after each. `between` makes what
-- stands at a place: a slot, or what a slot had grown.
local function network(channels, kernels, between)
  local layers, inputs = {}, 1
  for i, name in ipairs{ "early", "middle", "late" } do
    local outputs, kernel = channels[i], kernels[i]
    local rest = { nn.MaxPool2d{ 2 }, nn.BatchNorm2d{ outputs }, nn.ReLU{} }
    layers[#layers + 1] = nn.Conv2d{
      inputs, outputs, kernel = kernel, padding = (kernel - 1) / 2,
      bias = false }
    for _, layer in ipairs(rest) do layers[#layers + 1] = layer end
    layers[#layers + 1] = between(name)
    inputs = outputs
  end
  layers[#layers + 1] = nn.Flatten{}
  layers[#layers + 1] = nn.Linear{ inputs * 3 * 3, 10 }
  return nn.Sequential(layers)
end

local function slot(name) return seed.Slot{ name } end

--- Hosts by name, functions of an optional between(name) -> module or nil.
---   impaired  few channels, and only the first convolution sees more than a
---             pixel
---   ordinary  small, but nothing is wrong with it
M.hosts = {
  impaired = function(between)
    return network({ 16, 32, 48 }, { 3, 1, 1 }, between or slot)
  end,
  ordinary = function(between)
    return network({ 16, 32, 48 }, { 3, 3, 3 }, between or slot)
  end,
}

--- Batches without end, shuffled and mirrored.
---@param data userdata  a data set
---@param batch integer
---@return fun(): userdata, userdata
function M.endless(data, batch)
  return coroutine.wrap(function()
    while true do
      for x, y in data:batches{ batch, shuffle = true, flip = true } do
        coroutine.yield(x, y)
      end
    end
  end)
end

--- The rate after `part` of a run, in [0, 1): level for the seeds to come, then
--- down to nothing.
---@param part number
---@param peak number
---@return number
function M.rate(part, peak)
  if part < 0.05 then return peak * part / 0.05 end
  if part < 0.6 then return peak end
  return peak * (1 + math.cos(math.pi * (part - 0.6) / 0.4)) / 2
end

--- A step: forward, backward, optimiser, garden (may be nil).
---@param run table  model, opt, garden
---@param x userdata
---@param y userdata
---@return userdata  the loss, detached
function M.step(run, x, y)
  return moon.tidy(function()
    local loss = nn.cross_entropy(run.model(x), y)
    run.opt:zero_grad()
    loss:backward()
    run.opt:step()
    if run.garden then run.garden:step{ y = y, loss = loss } end
    return loss:detach()
  end)
end

return M
