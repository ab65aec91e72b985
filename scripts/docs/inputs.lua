--- Small inputs of a dtype for the calls of calls.lua, each made when first
--- asked for. Images are channels-last in memory, as convolutions leave them.
local moon = require "moonseed"
local nn, optim = moon.nn, moon.optim

local M = {}

M.dtypes = { "f32", "f64", "bf16", "f16", "i64", "i32", "u8", "bool" }

local FLOATS = { f32 = true, f64 = true }

-- Whole numbers from 1 to 6: of use to every dtype.
local function numbers(...)
  local shape = { ... }
  return function(dtype)
    local x = moon.randint(1, 7, shape):to(dtype)
    return FLOATS[dtype] and x:requires_grad() or x
  end
end

local function images(...)
  local make = numbers(...)
  return function(dtype)
    local x = make(dtype):detach():permute(1, 3, 4, 2):contiguous()
      :permute(1, 4, 2, 3)
    return FLOATS[dtype] and x:requires_grad() or x
  end
end

local function without_gradient(make)
  return function(dtype) return make(dtype):detach() end
end

local function of_indices(high, ...)
  local shape = { ... }
  return function() return moon.randint(0, high, shape) end
end

-- Optimisers by name, of a model whose gradients are there.
local function optimisers(dtype)
  local model = nn.Linear{ 48, 32 }:to(dtype)
  model(moon.ones(4, 48, { dtype = dtype })):sum():backward()
  return setmetatable({}, { __index = function(made, name)
    made[name] = optim[name]{ model, lr = 0.1 }
    return made[name]
  end })
end

local make = {
  m = numbers(32, 48), n = numbers(32, 48), batch = numbers(2, 16, 16),
  table = numbers(48, 16), row = numbers(48), bias = numbers(32),
  heads = numbers(2, 4, 32, 16), columns = numbers(2, 144, 64),
  x = images(2, 16, 8, 8), w = numbers(16, 16, 3, 3), channels = numbers(16),
  images = without_gradient(images(2, 3, 8, 8)), alpha = numbers(1),
  mean = without_gradient(numbers(16)), var = without_gradient(numbers(16)),
  weights = without_gradient(numbers(16)),
  shares = without_gradient(numbers(32, 48)),
  labels = of_indices(32, 32), places = of_indices(48, 32, 48),
  mask = function() return moon.rand(32, 48):gt(0.5) end,
  optimiser = optimisers,
}

--- Inputs of a dtype; also `dtype` and only(dtype), which raises for
--- every other.
---@param dtype string
---@return table
function M.of(dtype)
  local t = { dtype = dtype }
  function t.only(wanted)
    if dtype ~= wanted then error("gives " .. wanted .. ", not " .. dtype) end
  end
  return setmetatable(t, { __index = function(inputs, name)
    inputs[name] = make[name](dtype)
    return inputs[name]
  end })
end

--- Forgets the gradients, so that those of the next backward are not added.
---@param t table
function M.clear(t)
  for _, value in pairs(t) do
    if moon.is_tensor(value) then value.grad = nil end
  end
end

return M
