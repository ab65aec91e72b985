--- Features of the host at a slot: what seeds are built for and checked on.
--
-- From the garden's validation data where there are any, else those of the last
-- forward that are still there, else what a made-up input gives: good for the
-- shape, and said not to be real.

local check = require "moonseed.check"
local context = require "moonseed.context"
local modes = require "moonseed.nn.modes"
local moon = require "moonseed"
local C = require("moonseed.ffi").C

local M = {}

local EXAMPLES = 16
local SIDE = 32       -- of a made-up image

--- The features of the slot's last forward, if they are still there.
---@param slot table
---@return userdata|nil
function M.last(slot)
  local x = slot.now.features
  if x and C.moon_tensor_disposed(x.p) == 0 then return x end
end

--- Runs fn() with the model in evaluation and without a graph; modes and the
--- generator are as before.
---@param model table
---@param fn function
---@return any ...  what `fn` returned
function M.unseen(model, fn)
  local before = modes.save(model)
  model:eval()
  local result = { pcall(context.isolated, context.generator_state(0),
                         moon.no_grad, fn) }
  modes.load(before)
  if not result[1] then error(result[2], 0) end
  return unpack(result, 2)
end

--- Runs fn() as `unseen`, with the slots watching; what they had seen is as
--- before.
---@param garden table
---@param slots table[]
---@param fn function
---@return any ...  what `fn` returned
function M.aside(garden, slots, fn)
  local before = {}
  for i, slot in ipairs(slots) do
    before[i] = { slot.watched, slot.now }
    rawset(slot, "watched", true)
    rawset(slot, "capture", true)
    rawset(slot, "now", {})
  end
  local result = { pcall(M.unseen, garden.model, fn) }
  for i, slot in ipairs(slots) do
    rawset(slot, "watched", before[i][1])
    rawset(slot, "capture", nil)
    rawset(slot, "now", before[i][2])
  end
  if not result[1] then error(result[2], 0) end
  return unpack(result, 2)
end

local function capture(garden, slot, x)
  local ok, e = pcall(M.aside, garden, { slot }, function()
    garden.model(x)
    return slot.now.features
  end)
  if not ok then return nil, e end
  if not e then return nil, "the model's forward does not come by it" end
  return e
end

-- [1, C, 32, 32] or [1, features], by the model's first weight.
local function made_up(model)
  for _, p in model:parameters() do
    local shape = p:shape()
    if #shape == 4 then return moon.randn(1, shape[2], SIDE, SIDE) end
    if #shape == 2 then return moon.randn(1, shape[2]) end
  end
end

--- The slot's features, detached; whether they are real.
---@param garden table
---@param slot table
---@return userdata h, boolean real
function M.of(garden, slot)
  local why
  if garden.valid then
    local n = math.min(EXAMPLES, #garden.valid)
    local h
    h, why = capture(garden, slot, garden.valid:narrow(1, n).x)
    if h then return h, true end
  end
  local last = M.last(slot)
  if last then return last, true end
  local x = context.isolated(context.generator_state(0), made_up,
                             garden.model)
  local h
  if x then h, why = capture(garden, slot, x) end
  if h then return h, false end
  check.fail("slot " .. slot.name, "what are its features? Run the model once, "
             .. "or give the garden valid = dataset (%s)",
             tostring(why or "the model has no weights"))
end

return M
