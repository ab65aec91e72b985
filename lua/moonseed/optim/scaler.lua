--- The loss scale of an optimiser, on its device, where steps find out by
--- themselves whether a gradient is finite: nobody waits for it.
local check = require "moonseed.check"
local core = require "moonseed.ffi"
local frames = require "moonseed.optim.frame"
local host = require "moonseed.host"
local moon = require "moonseed"
local option = require "moonseed.optim.options"
local recorded = require "moonseed.recorded"
local C = core.C

local M = {}

-- torch.amp.GradScaler's numbers.
local FIRST, EVERY = 65536, 2000
local rates = {
  dynamic = { growth = 2, backoff = 0.5 },
  fixed = { growth = 1, backoff = 1 },
}

local function new(first, device)
  return moon.tensor({ first, 0, 0 }, { dtype = "f64", device = device }):keep()
end

-- It starts anew with another value of the option, and follows the parameters
-- to another device.
local function renew(self, wanted, device)
  local t = self.scaler
  if t and rawequal(self.scaled_by, wanted) then
    if t:device() == device then return end
    t = moon.no_grad(function() return t:to(device):keep() end)
  else
    t = new(wanted == "dynamic" and FIRST or wanted, device)
  end
  rawset(self, "scaler", t)
  rawset(self, "scaled_by", wanted)
end

--- { scale, steps since it last changed, steps skipped since the last }, or nil
--- without a loss scale.
---@param self table  an optimiser
---@return userdata|nil
function M.of(self)
  local wanted, first = self.loss_scale, self.tensors[1]
  if wanted == nil then return nil end
  option.check(self.def.name, "loss_scale", wanted)  -- assigned just now
  renew(self, wanted, first and first:device() or moon.device())
  return self.scaler
end

local function has_scale(self) return self.loss_scale ~= nil end

--- The loss, multiplied.
---@param self table  an optimiser
---@param loss userdata
---@return userdata
function M.scale(self, loss)
  recorded.guard(has_scale, self)
  if self.loss_scale == nil then return loss end
  local scaler = host.part(M.of, self)
  if check.halves[loss:dtype()] then loss = loss:to "f32" end
  return loss * scaler:select(1, 1):to(loss:dtype())
end

--- Fills what a step is told of the scale, which the last of several settles.
---@param self table    an optimiser
---@param params userdata  moon_step_params
---@param is_last boolean
function M.fill(self, params, is_last)
  local rate = rates[self.loss_scale == "dynamic" and "dynamic" or "fixed"]
  params.growth = is_last and rate.growth or 0
  params.backoff, params.every = rate.backoff, EVERY
end

--- Settles the scale after steps that did not.
---@param self table  an optimiser
function M.settle(self)
  local frame = frames.take(self, 0)
  frame.params.rule = C.MOON_STEP_NORM
  frame.params.max_norm, frame.params.max_value = 0, 0
  M.fill(self, frame.params, true)
  local ok, e = pcall(frames.submit, frame, 0, nil, self.scaler)
  frames.give(self, frame, 0)
  if not ok then error(e, 0) end
end

return M
