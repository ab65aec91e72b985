--- moon.recompute: a part of the forward that keeps no activations; they are
-- computed again in the backward.

local autocast = require "moonseed.autocast"
local check = require "moonseed.check"
local context = require "moonseed.context"
local create = require "moonseed.create"
local tensor = require "moonseed.tensor"
local user_op = require "moonseed.user_op"

local methods, is = tensor.methods, tensor.is

local M = {}

-- Inputs of the second forward: the same values, leaves of a graph of its own.
local function fresh_leaves(...)
  local leaves, list = {}, { ... }
  for i = 1, select("#", ...) do
    local value = list[i]
    if is(value) then
      local leaf = value:detach()
      if value.needs_grad then leaf:requires_grad() end
      leaves[#leaves + 1], list[i] = leaf, leaf
    end
  end
  return leaves, list
end

local function gradients_of(leaves)
  local list = {}
  for i, leaf in ipairs(leaves) do list[i] = leaf.grad end
  return unpack(list, 1, #leaves)
end

local function forward_again(ctx, list)
  context.load_generator(ctx.generator)
  return autocast.within(ctx.autocast, context.with_grad_mode, 1, ctx.fn,
                         unpack(list, 1, ctx.list.n))
end

-- The forward again, this time recorded, then its backward.
local function run_again(ctx, dy)
  local leaves, list = fresh_leaves(ctx:saved())
  local y = context.keep_generator(context.again, ctx.notes, forward_again, ctx,
                                   list)
  if y.needs_grad then methods.backward(y, dy) end
  return nil, gradients_of(leaves)
end

-- `anchor` is a leaf that gets no gradient: parameters that `fn` uses want
-- theirs even when no argument does.
local function run_once(ctx, fn, _anchor, ...)
  ctx.fn, ctx.generator, ctx.notes = fn, context.save_generator(), {}
  ctx.autocast = context.live.autocast
  ctx:save(...)
  return context.noting(ctx.notes, fn, ...)
end

local recomputed = user_op.op{ name = "recompute", forward = run_once,
                               backward = run_again }

--- fn(...), one tensor, without keeping activations: they are computed again
--- in the backward, with the same random numbers, and running statistics move
--- once. `fn` may wait. What it changes by itself it changes twice; tensors
--- that were computed outside belong among the arguments.
---@param fn function
---@param ... any     for `fn`
---@return userdata  what `fn` returned
function M.recompute(fn, ...)
  check.callable("recompute", "its first argument", fn)
  local anchor = create.zeros(1):requires_grad()
  return recomputed(fn, anchor, ...)
end

return M
