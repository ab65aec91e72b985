--- What is known of a run at any time, as plain numbers, and its curves.
--
-- Losses are read some steps late, so that nobody waits for one.

local uv = require("moonseed.ffi").uv

local Metrics = {}
Metrics.__index = Metrics

local LATE = 4     -- steps
local MOST = 1000  -- points of a curve; then every other one goes

---@param epochs integer
---@param steps_per_epoch integer
---@return table
function Metrics.new(epochs, steps_per_epoch)
  return setmetatable({
    now = { step = 0, epoch = 1, epochs = epochs, seconds = 0 },
    series = {}, late = {}, total = epochs * steps_per_epoch,
  }, Metrics)
end

--- The clock starts: at the beginning, and after a pause.
function Metrics:start()
  self.since, self.since_step = uv.hrtime(), self.now.step
  self.before = self.now.seconds
end

local function add(self, name, step, value)
  local curve = self.series[name]
  if not curve then
    curve = { steps = {}, values = {} }
    self.series[name] = curve
  end
  local n = #curve.steps
  if n >= MOST then
    for i = 1, n / 2 do
      curve.steps[i] = curve.steps[2 * i]
      curve.values[i] = curve.values[2 * i]
    end
    for i = n / 2 + 1, n do curve.steps[i], curve.values[i] = nil, nil end
    n = n / 2
  end
  curve.steps[n + 1], curve.values[n + 1] = step, value
end

--- Notes a value: it is the present one, and a number a point of its curve.
---@param name string
---@param step integer
---@param value number|table|nil
function Metrics:note(name, step, value)
  if value == nil then return end
  self.now[name] = value
  if type(value) == "number" then add(self, name, step, value) end
end

local function take_time(self, batch)
  local now = self.now
  local elapsed = (uv.hrtime() - self.since) / 1e9
  local steps = now.step - self.since_step
  now.seconds = self.before + elapsed
  if steps > 0 and elapsed > 0 then
    now.images_per_s = steps * batch / elapsed
    now.seconds_left = (self.total - now.step) * elapsed / steps
  end
end

--- After a step; loss and right (the number of correct answers, or nil) are
--- tensors that are kept until they are read.
---@param batch integer
---@param loss userdata
---@param right userdata|nil
---@return number|nil step  of the loss that was read
---@return number|nil loss
function Metrics:step(batch, loss, right)
  local now, late = self.now, self.late
  now.step = now.step + 1
  late[#late + 1] = { now.step, loss, right, batch }
  take_time(self, batch)
  if #late > LATE then return self:read() end
end

--- Reads the oldest loss that was not read yet.
---@return number|nil step
---@return number|nil loss
function Metrics:read()
  local entry = table.remove(self.late, 1)
  if not entry then return nil end
  local step, loss, right, batch = unpack(entry, 1, 4)
  local value = loss:item()
  loss:dispose()
  self:note("loss", step, value)
  if right then
    self:note("accuracy", step, right:item() / batch)
    right:dispose()
  end
  return step, value
end

return Metrics
