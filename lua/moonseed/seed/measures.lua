--- What is known of a model's seeds, a row each, in the core's structure of
--- arrays: reading it waits for nothing.
--
-- Measures are stored by the device when it gets there, so they lag by what is
-- in flight; one that was not stored yet is nil, never a number.

local core = require "moonseed.ffi"
local check = require "moonseed.check"
local context = require "moonseed.context"
local host = require "moonseed.host"
local moon = require "moonseed"
local stage = require "moonseed.seed.stage"
local wait = require "moonseed.wait"
local C, ffi = core.C, core.ffi

local live = context.live
local WIDTH = tonumber(C.MOON_MEASURES)

local Measures = {}
Measures.__index = Measures

--- Where each measure lies in a row. A statistic is three: norm, share of
--- zeros, count of values that are not finite.
Measures.at = {
  output_norm = 0, output_zeros = 1, output_wild = 2,
  gradient_norm = 3, shadow_loss = 4, base_loss = 5,
}

--- For n seeds, all DORMANT.
---@param n integer
---@return table
function Measures.new(n)
  local out = ffi.new "moon_slots *[1]"
  check.status(C.moon_slots_new(live.rt, n, out))
  local slots = ffi.gc(out[0], function(p) C.moon_slots_release(live.rt, p) end)
  -- kept: by row, a list of steps, each a list of what was stored in it; its
  -- `fault` is what a checkpoint knew to have failed.
  return setmetatable({ slots = slots, n = n, kept = {} }, Measures)
end

---@param row integer  from 0
---@return string
function Measures:stage(row) return stage.names[self.slots.stage[row]] end

---@param row integer
---@param name string
function Measures:set_stage(row, name)
  self.slots.stage[row] = stage.number[name]
  self.slots.age[row] = 0
end

---@param row integer
---@return number
function Measures:alpha(row) return self.slots.alpha[row] end

---@param row integer
---@param alpha number
function Measures:set_alpha(row, alpha) self.slots.alpha[row] = alpha end

--- Steps in the present stage.
---@param row integer
---@return integer
function Measures:age(row) return tonumber(self.slots.age[row]) end

--- One step older.
---@param row integer
function Measures:grow_older(row)
  self.slots.age[row] = self.slots.age[row] + 1
end

--- How often something of the seed failed on the device.
---@param row integer
---@return integer
function Measures:errors(row) return tonumber(self.slots.errors[row]) end

--- Counts a failure before anything was queued.
---@param row integer
function Measures:count_error(row)
  self.slots.errors[row] = self.slots.errors[row] + 1
end

--- The last value there is, or nil.
---@param row integer
---@param name string  see Measures.at
---@return number|nil
function Measures:read(row, name)
  local cell = row * WIDTH + Measures.at[name]
  if self.slots.stores[cell] == 0 then return nil end
  return self.slots.measure[cell]
end

local function store(self, row, name, x)
  check.status(C.moon_slots_store(live, self.slots, row, Measures.at[name],
                                  x.p))
  local steps = self.kept[row] or { {} }
  self.kept[row] = steps
  table.insert(steps[#steps], x:keep())
end

--- Queues: x [k] becomes the measure `name` and the k - 1 after it. Keeps x,
--- which carries the error if what it was computed from has failed.
---@param row integer
---@param name string
---@param x userdata  the row's from now on
function Measures:store(row, name, x) host.part(store, self, row, name, x) end

--- Queues the statistics of x as `name`_norm, _zeros and _wild.
---@param row integer
---@param name string  "output"
---@param x userdata
function Measures:watch(row, name, x)
  self:store(row, name .. "_norm", moon.statistics(x))
end

--- Waits until everything that was queued to be stored is there.
function Measures:settle()
  if next(self.kept) then wait.settle() end
end

-- Which of a step's measures, which are there, has failed, in words; or nil.
local function fault_of(step)
  if step.fault then return step.fault end  -- as the checkpoint says
  for _, t in ipairs(step) do
    if C.moon_tensor_error(t.p) ~= 0 then
      return ffi.string(C.moon_last_error())
    end
  end
end

--- Ends a step of a row, and looks at what was stored up to `late` steps ago:
--- so that a failure is found in the same step in every run. Waits for these.
---@param row integer
---@param late integer
---@return string|nil  what failed
function Measures:failure(row, late)
  local steps, why = self.kept[row], nil
  if not steps then return nil end
  steps[#steps + 1] = {}
  while #steps > late + 1 do
    local step = table.remove(steps, 1)
    for _, t in ipairs(step) do wait.settled(t) end
    why = why or fault_of(step)
    for _, t in ipairs(step) do t:dispose() end
  end
  return why
end

--- What a checkpoint keeps of a row that is settled. Does not suspend.
---@param row integer
---@return table
function Measures:row(row)
  local t = { age = self:age(row), errors = self:errors(row), stores = {},
              values = {} }
  for i = 1, WIDTH do
    local cell = row * WIDTH + i - 1
    t.stores[i] = tonumber(self.slots.stores[cell])
    t.values[i] = self.slots.measure[cell]
  end
  if self.kept[row] then
    t.steps = {}
    for i, step in ipairs(self.kept[row]) do
      t.steps[i] = { fault = fault_of(step) }
    end
  end
  return t
end

---@param row integer
---@param t table  as `row` gave it
function Measures:set_row(row, t)
  self.slots.age[row], self.slots.errors[row] = t.age, t.errors
  for i = 1, WIDTH do
    local cell = row * WIDTH + i - 1
    self.slots.stores[cell], self.slots.measure[cell] = t.stores[i],
      t.values[i]
  end
  self.kept[row] = t.steps
end

--- Forgets measures and errors of a row.
---@param row integer
function Measures:clear(row)
  C.moon_slots_clear(self.slots, row)
  self.kept[row] = nil
end

return Measures
