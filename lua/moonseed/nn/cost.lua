--- What a module costs: parameters, their bytes, and FLOPs per image.
--
-- The FLOPs are those of its convolutions, linear layers, matrix products and
-- attention in one forward, counted as it runs on a single image: a
-- multiply-add is 2, a bias none, a product with padding or a mask as any
-- other. Everything else (norms, activations, pooling, sums) is some per cent
-- of that and is not counted, as is usual; a module of nothing but such has 0.
--
-- To see the calls, these functions are replaced while a count is open.
-- One that user code took earlier into a local of its own goes unseen.

local check = require "moonseed.check"
local context = require "moonseed.context"
local loop = require "moonseed.loop"
local moon = require "moonseed"
local Module = require "moonseed.nn.module"
local neural = require "moonseed.neural"
local probe = require "moonseed.nn.probe"
local tensor = require "moonseed.tensor"

local M = {}

local function of_conv2d(n, _, w) return n * w:numel() / w:size(1) end

-- Multiply-adds of a call that gave n values, from its arguments.
local terms = {
  attention = function(n, q, k, v)
    return n * k:size(-2) * (q:size(-1) / v:size(-1) + 1)
  end,
  bmm = function(n, a) return n * a:size(-1) end,
  conv2d = of_conv2d, conv2d_add = of_conv2d,
  conv_transpose2d = function(_, x, w)
    return x:numel() * w:numel() / w:size(1)
  end,
  linear = function(n, _, w) return n * w:size(2) end,
  matmul = function(n, a) return n * a:size(-1) end,
}

local tallies = {}   -- { flops }, by the task that counts
local open = 0
local replaced = {}  -- { table, name, function }, while open > 0

-- Tasks that the forward starts count for it.
local function current_tally()
  local task = loop.running
  while task do
    if tallies[task] then return tallies[task] end
    task = task.parent
  end
end

local function counting(name, fn)
  return function(...)
    local y, tally = fn(...), current_tally()
    if tally then
      tally.flops = tally.flops + 2 * terms[name](y:numel(), ...)
    end
    return y
  end
end

local function open_count()
  open = open + 1
  if open > 1 then return end
  for _, functions in ipairs{ neural, tensor.methods, moon } do
    for name in pairs(terms) do
      local fn = rawget(functions, name)
      if fn then
        replaced[#replaced + 1] = { functions, name, fn }
        functions[name] = counting(name, fn)
      end
    end
  end
end

local function close_count(task, outer, ok, ...)
  local tally = tallies[task]
  tallies[task] = outer
  open = open - 1
  if open == 0 then
    for _, entry in ipairs(replaced) do entry[1][entry[2]] = entry[3] end
    replaced = {}
  end
  if not ok then error((...), 0) end
  return tally.flops, ...
end

--- The FLOPs of what fn(...) calls, in this task and those that it starts; a
--- count that is open already does not see them.
---@param fn function
---@param ... any  for `fn`
---@return number flops
---@return any ...  what `fn` returned
function M.count(fn, ...)
  local task = loop.running
  local outer = tallies[task]
  tallies[task] = { flops = 0 }
  open_count()
  return close_count(task, outer, xpcall(fn, context.note, ...))
end

local function add(tally, flops, ...)
  tally.flops = tally.flops + flops
  return flops, ...
end

--- As `count`, for a part of what a count that is open sees. Without one, the
--- FLOPs are nil.
---@param fn function
---@param ... any  for `fn`
---@return number|nil flops
---@return any ...  what `fn` returned
function M.count_part(fn, ...)
  local tally = current_tally()
  if not tally then return nil, fn(...) end
  return add(tally, M.count(fn, ...))
end

--- What a module costs on features of a shape. Nothing of the module, and no
--- random number of the task, is different afterwards.
---@param module table     any module whose forward takes one tensor
---@param shape integer[]  batch first; the batch does not matter
---@return table  { parameters = values, flops = per image, bytes = of the
---               parameters }
function M.of(module, shape)
  if not Module.is(module) then
    check.fail("cost", "its first argument is a module, not %s",
               module == nil and "nothing" or type(module))
  end
  local single = probe.single("cost", shape)
  local _, first = module:parameters()()
  local cost = { parameters = 0, bytes = 0 }
  for _, p in module:parameters() do
    cost.parameters = cost.parameters + p:numel()
    cost.bytes = cost.bytes + p:numel() * check.dtype_sizes[p:dtype()]
  end
  local x = moon.zeros(single, first and { dtype = first:dtype(),
                                           device = first:device() })
  cost.flops = M.count(probe.forward, module, x)
  return cost
end

return M
