--- A step of a run: the batches it takes, forward, backward, the optimiser.

local check = require "moonseed.check"
local moon = require "moonseed"
local nn = require "moonseed.nn"
local recording = require "moonseed.train.recording"
local uv = require("moonseed.ffi").uv

local M = {}

local ACCURACY_EVERY = 10  -- steps

--- Iterates over lists of up to n batches, { x, y } each.
---@param next_batch function
---@param n integer
---@return fun(): table?
function M.groups(next_batch, n)
  return function()
    local group = {}
    for i = 1, n do
      local x, y = next_batch()
      if not x then break end
      group[i] = { x = x, y = y }
    end
    if #group > 0 then return group end
  end
end

local function loss_by(fn, model, x, y)
  local loss = fn(model, x, y)
  if not moon.is_tensor(loss) then
    check.fail("fit", "loss returns a tensor, not %s",
               loss == nil and "nothing" or "a " .. type(loss))
  end
  return loss
end

-- The loss, and now and then how many answers are right.
local function forward(run, x, y)
  local given = run.options.loss
  if given then return loss_by(given, run.model, x, y) end
  local logits = run.model(x)
  local right
  if run.metrics.step % ACCURACY_EVERY == 0 then
    right = moon.no_grad(function()
      local ids = y:ndim() == 1 and y or y:argmax(2)  -- of shares the largest
      return logits:detach():argmax(2):eq(ids):to("f32"):sum()
    end)
  end
  return nn.cross_entropy(logits, y), right
end

-- An optimiser of one's own need not scale.
local function backward(run, loss)
  local optim = run.optim
  local scaled = optim.scale and optim:scale(loss) or loss
  scaled:backward()
end

local function sum(a, b) return a and b and a + b or a or b end

-- Gradients of the mean loss over all examples of the group; the loss, and how
-- many answers are right. One batch's are the plain ones, in every bit.
local function gradients(run, group, rows)
  if #group == 1 then
    local loss, right = forward(run, group[1].x, group[1].y)
    backward(run, loss)
    return loss:detach(), right
  end
  local total, hits
  for _, batch in ipairs(group) do
    local loss, right = forward(run, batch.x, batch.y)
    loss = loss * (batch.x:size(1) / rows)
    backward(run, loss)
    total, hits = sum(total, loss:detach()), sum(hits, right)
  end
  return total, hits
end

local function learn(run, group, rows)
  run.optim:zero_grad()
  local loss, right = gradients(run, group, rows)
  run.optim:step()
  if run.ema then run.ema:update() end
  if run.garden then
    -- The slots have seen the last batch last.
    run.garden:step{ y = group[#group].y, loss = loss }
  end
  return loss:clone():keep(), right and right:keep()
end

--- Records a loss that the clock has read.
---@param run table
---@param at integer?   its step; nil: none was there
---@param value number?
---@return integer?  at
function M.record_loss(run, at, value)
  if run.record and at then run.record:scalar("loss", at, value) end
  return at
end

local function rows_of(group)
  local rows = 0
  for _, batch in ipairs(group) do rows = rows + batch.x:size(1) end
  return rows
end

--- One step of the optimiser; enqueues.
---@param run table
---@param group table[]  of M.groups
function M.take(run, group)
  run.rate:seek(run.metrics.step)
  local since, rows, loss, right = uv.hrtime(), rows_of(group), nil, nil
  moon.tidy(function() loss, right = learn(run, group, rows) end)
  recording.step(run, loss, since)
  M.record_loss(run, run.clock:step(rows, loss, right))
end

return M
