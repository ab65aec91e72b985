--- Passes over a data set with some seeds left out, side by side: what comes
--- before the first slot is computed once per batch for all of them.
---
--- Nothing of a training run changes: modes and `disabled` are set only while a
--- pass is enqueued, so other tasks never see them (unless memory runs short
--- there, which waits), and no random number is drawn.
local context = require "moonseed.context"
local modes = require "moonseed.nn.modes"
local moon = require "moonseed"
local losses = require "moonseed.loss"
local pace = require "moonseed.pace"
local split = require "moonseed.seed.split"
local tidy = require "moonseed.tidy"

local M = {}

local function restore(before, disabled, ok, ...)
  modes.load(before)
  for slot, set in pairs(disabled) do slot.disabled = set or nil end
  if not ok then error((...), 0) end
  return ...
end

-- fn(...) in evaluation, without gradients, with these seeds left out.
local function quietly(model, by_slot, fn, ...)
  pace.forward()  -- waits if need be, while everything is as it was
  local before, disabled = modes.save(model), {}
  for slot in pairs(by_slot) do disabled[slot] = slot.disabled or false end
  model:eval()
  for slot, set in pairs(by_slot) do slot.disabled = set end
  return restore(before, disabled, xpcall(context.with_grad_mode,
                                          context.note, 0, fn, ...))
end

-- Sum of the losses and number of correct classes, f64 [2]. logits [N, C],
-- y [N].
local function score(suffix, h, y)
  local logits = suffix(h)
  local loss = losses.cross_entropy(logits, y):to("f64") * y:size(1)
  local correct = logits:argmax(2):eq(y):to("f64"):sum()
  return moon.cat({ loss:reshape(1), correct:reshape(1) }, 1)
end

-- The batches' sums by pass, f64 [2] each; they stay on the device.
local function add_up(batches, passes, model, prefix, suffix)
  local sums, n_batches = {}, 0
  local function measure(h, y)
    for k, pass in ipairs(passes) do
      tidy.tidy(function()
        local row = quietly(model, pass, score, suffix, h, y)
        if sums[k] then sums[k]:add_(row) else sums[k] = row:keep() end
      end)
      pace.pause()
    end
  end
  for x, y in batches do
    tidy.tidy(function() measure(quietly(model, {}, prefix, x), y) end)
    n_batches = n_batches + 1
  end
  return sums, n_batches
end

-- Mean loss and share of correct classes by pass; the one wait for a value.
local function read(sums, n)
  local values, means = moon.cat(sums, 1):totable(), {}
  for k = 1, #sums do
    means[k] = { loss = values[2 * k - 1] / n, accuracy = values[2 * k] / n }
  end
  return means
end

--- In evaluation, without gradients, in the data's order.
---@param model table an nn.Module: x [N, ...] to logits [N, C]
---@param slots table[] those that differ between the passes
---@param passes table[] each, by slot, the table to use as slot.disabled
---@param data userdata a data set with class labels
---@param batch integer
---@return table[] means by pass: { loss, accuracy }
---@return integer n_steps of the shared prefix
---@return integer n_batches
function M.run(model, slots, passes, data, batch)
  local prefix, suffix, n_steps = split.at(model, slots)
  -- Iterating over data takes a random number.
  local sums, n_batches = context.keep_generator(function()
    return add_up(data:batches{ batch }, passes, model, prefix, suffix)
  end)
  return read(sums, #data), n_steps, n_batches
end

return M
