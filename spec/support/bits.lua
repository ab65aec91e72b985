-- Exact comparison: the bytes of tensors, and schedules to run a program under.

local ffi = require "ffi"
local moon = require "moonseed"
local read = require "moonseed.read"
local sim = require "moonseed.sim"

local M = {}

local sizes = { f32 = 4, f64 = 8, i64 = 8, i32 = 4, u8 = 1, bool = 1 }

--- The bytes of a tensor in logical order.
---@param t userdata
---@return string
function M.of(t)
  return ffi.string(read.values(t), t:numel() * sizes[t:dtype()])
end

--- As M.of, for a list; one string.
---@param list userdata[]
---@return string
function M.of_all(list)
  local parts = {}
  for i, t in ipairs(list) do parts[i] = M.of(t) end
  return table.concat(parts)
end

--- As M.of, for all that a module's state has, by name.
---@param model table
---@return string
function M.of_state(model)
  local parts = {}
  for name, t in pairs(model:state()) do parts[#parts + 1] = name .. M.of(t) end
  table.sort(parts)
  return table.concat(parts)
end

local function no_detour() end

--- Gives way at random, so that tasks go on in random order. Not moonseed's
--- generator: the program's own numbers must stay as they are.
local function detour()
  local dice = math.random(8)
  if dice == 1 then moon.yield() end
  if dice == 2 then moon.sleep(math.random(0, 1)) end
end

local function one_stream(fn)
  return moon.on(moon.streams():default(), fn)
end

local function own_stream(fn) return fn() end

---@class Schedule
---@field name string
---@field device string
---@field threads integer
---@field sync boolean|nil          every op complete when its call returns
---@field scope fun(fn: function): any  where a task's ops are queued
---@field detour fun()              to be called between a task's ops

--- The reference: synchronous, one thread, one stream.
M.plain = { name = "synchronous", device = "cpu", threads = 1, sync = true,
            scope = one_stream, detour = no_detour }

--- Those that must not differ from it.
M.schedules = {
  { name = "one stream, one thread", device = "cpu", threads = 1,
    scope = one_stream, detour = no_detour },
  { name = "one stream, two threads", device = "cpu", threads = 2,
    scope = one_stream, detour = no_detour },
  { name = "a stream per task, one thread", device = "cpu", threads = 1,
    scope = own_stream, detour = no_detour },
  { name = "a stream per task, two threads, tasks in random order",
    device = "cpu", threads = 2, scope = own_stream, detour = detour },
  { name = "a stream per task, four threads, tasks in random order",
    device = "cpu", threads = 4, scope = own_stream, detour = detour },
}

--- sim with this seed: random order and delays of ops, tasks in random order.
---@param rng_seed integer
---@param max_delay_ms number
---@return Schedule
function M.simulated(rng_seed, max_delay_ms)
  return { name = "sim with seed " .. rng_seed, device = "sim", threads = 2,
           scope = own_stream, detour = detour, rng_seed = rng_seed,
           max_delay_ms = max_delay_ms }
end

--- Runs program(schedule) under a schedule, as a task of its own with the same
--- random numbers each time; afterwards everything is as before.
---@param schedule Schedule
---@param program fun(schedule: Schedule): any
---@return any ...
function M.run(schedule, program)
  local threads = moon.threads()
  moon.synchronize()
  if schedule.device == "sim" then
    sim.configure{ rng_seed = schedule.rng_seed, check = true,
                   max_delay_ms = schedule.max_delay_ms }
  end
  math.randomseed(schedule.rng_seed or 1)
  moon.set_threads(schedule.threads)
  moon.debug{ sync = schedule.sync or false }
  local task = moon.spawn(function()
    moon.set_device(schedule.device)
    moon.manual_seed(7)
    return schedule.scope(function() return program(schedule) end)
  end)
  local result = { pcall(task.await, task) }
  moon.debug{}
  moon.set_threads(threads)
  if not result[1] then error(result[2], 0) end
  return unpack(result, 2)
end

return M
