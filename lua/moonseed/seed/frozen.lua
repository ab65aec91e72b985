--- The host as it stands, seen from a slot: batches without end, and the
--- features that they give there. Leaves no trace in the host or in the data
--- set, whose epochs are counted on a view of its own.

local check = require "moonseed.check"
local features = require "moonseed.seed.features"
local pace = require "moonseed.pace"
local split = require "moonseed.seed.split"

local M = {}

--- Raises unless `data` is a data set with examples and labels.
---@param op string  what the user called, and the option
---@param data any
function M.check(op, data)
  if type(data) ~= "userdata" or not data.labelled then
    check.fail(op, "expects a data set with labels, not %s",
               type(data) == "userdata" and "one without" or type(data))
  end
  if #data == 0 then check.fail(op, "has no examples") end
end

--- A function that gives the slot's features of inputs x: in evaluation,
--- without a graph. Where the model is a Sequential, only what comes before the
--- slot is computed.
---@param garden table
---@param slot table
---@return fun(x: userdata): userdata
function M.reader(garden, slot)
  local prefix, suffix, _, at = split.at(garden.model, { slot })
  local function read(x)
    local h = prefix(x)
    if at == slot then return h end
    suffix(h)
    return slot.now.features or check.fail("slot " .. slot.name, "the model's "
                                           .. "forward does not come by it")
  end
  return function(x)
    pace.forward()  -- waits if need be, while everything is as it was
    return features.aside(garden, { slot }, function() return read(x) end)
  end
end

--- Full batches of at most `size` in an order that depends on the seed alone,
--- one epoch after another.
---@param data userdata  a data set
---@param size integer
---@param rng_seed integer
---@return fun(): userdata, userdata  x and y of the next batch
function M.batches(data, size, rng_seed)
  local own, epoch = data:narrow(1, #data), nil
  local options = { math.min(size, #data), shuffle = true, drop_last = true,
                    rng_seed = rng_seed }
  return function()
    local x, y
    if epoch then x, y = epoch() end
    if not x then
      epoch = own:batches(options)
      x, y = epoch()
    end
    return x, y
  end
end

return M
