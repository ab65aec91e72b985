--- What a step is submitted with: an entry per parameter, and what all have in
--- common.
local context = require "moonseed.context"
local core = require "moonseed.ffi"
local retry = require "moonseed.retry"
local tensor = require "moonseed.tensor"
local C, ffi = core.C, core.ffi
local live = context.live

local M = {}

--- Room for n entries. A step that waits for memory keeps its own: others may
--- step meanwhile.
---@param self table  an optimiser
---@param n integer
---@return table
function M.take(self, n)
  local frame = table.remove(self.frames)
  if not frame or frame.room < n then
    frame = { room = n, params = ffi.new "moon_step_params",
              entries = core.array("moon_step_entry[?]", math.max(n, 1)) }
  end
  return frame
end

local function fill_entry(entry, profile, own, p)
  local states = profile.rule.states
  entry.parameter, entry.rates = p.p, profile.rates
  for k = 1, C.MOON_STEP_STATES do
    local t = own[states[k]]
    entry.state[k - 1] = t and t.p or nil
  end
end

--- Fills a frame with the parameters that have a gradient, which is retained.
---@param self table   an optimiser
---@param set table    the parameters that make a step together
---@param frame table
---@return integer n  entries
function M.gather(self, set, frame)
  local n, entries, of = 0, frame.entries, self.state_of
  for i = 1, #set.tensors do
    local p = set.tensors[i]
    local gradient = C.moon_tensor_grad(live, p.p)
    if gradient ~= nil then
      local entry = entries[n]
      entry.gradient = gradient
      fill_entry(entry, set.profiles[i], of[set.ids[i]], p)
      n = n + 1
    end
  end
  local params = frame.params
  params.rule = self.def.main.code
  params.max_norm, params.max_value = self.max_norm, self.max_value
  return n
end

--- Submits the first n entries of a frame. `out` (nil: none) receives the norm;
--- `scaler` (nil: none) is the loss scale.
---@param frame table
---@param n integer
---@param out userdata|nil
---@param scaler userdata|nil
function M.submit(frame, n, out, scaler)
  tensor.trace_site()
  local entries, params = frame.entries, frame.params
  local scale = scaler and scaler.p or nil
  local status = C.moon_step(live, n, entries, params, scale, out)
  if status < 0 then
    retry.call(status, C.moon_step, live, n, entries, params, scale, out)
  end
end

--- Lets the gradients go, and the frame be used again.
---@param self table   an optimiser
---@param frame table
---@param n integer
function M.give(self, frame, n)
  for i = 0, n - 1 do C.moon_tensor_release(frame.entries[i].gradient) end
  table.insert(self.frames, frame)
end

return M
